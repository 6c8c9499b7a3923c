export { Template } from "npm:@huggingface/jinja@0.5.11";
