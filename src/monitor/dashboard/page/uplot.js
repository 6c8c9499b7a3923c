// What tools that read these files find here; a browser gets the package's own file instead.
export { default } from "npm:uplot@1.6.32";
