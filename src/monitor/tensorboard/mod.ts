/**
 * TensorBoard: a run's metrics as an event file.
 *
 * `EventFileWriter` appends scalars in TensorBoard's own format: protocol buffers, each framed as a
 * TFRecord with its checksums. Nothing is computed here, and nothing is read back; who wants curves
 * without TensorBoard has the dashboard.
 *
 * @module
 */
export { crc32c } from "./crc32c.ts";
export { EventFileWriter } from "./event_file_writer.ts";
