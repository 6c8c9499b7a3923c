/** An agent that never asks its model. */
export default (): number => 1;
