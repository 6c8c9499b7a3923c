// Charts of the dashboard, sent to the browser as they are.
export {
  default as uplotScript,
} from "npm:uplot@1.6.32/dist/uPlot.esm.js" with {
  type: "text",
};
export {
  default as uplotStyle,
} from "npm:uplot@1.6.32/dist/uPlot.min.css" with {
  type: "text",
};
