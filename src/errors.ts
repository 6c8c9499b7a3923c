/**
 * Every error this program raises on purpose, one class for each boundary crossed.
 *
 * A `UserError` is somebody's mistake (a config key, a data file, a model folder, an unreachable
 * server): the command line prints its message without a stack trace and exits with code 2. An
 * `EpisodeError` is one episode's failure: it is recorded as data and never ends a run. Anything
 * else is a bug in ASTuner and keeps its stack trace.
 *
 * @module
 */

/** Base class of all errors raised on purpose. */
export class ASTunerError extends Error {
  /** Stands before the message. */
  override name = "ASTunerError";
}

/** Somebody's mistake, told as one message: what is wrong, where, and what to do about it. */
export class UserError extends ASTunerError {
  /** Stands before the message. */
  override name = "UserError";
}

/** A mistake in a YAML file, a `--set` or a flag. The message starts with `file:line:column`. */
export class ConfigError extends UserError {
  /** Stands before the message. */
  override name = "ConfigError";
}

/** Tasks that cannot be read: a missing, empty or malformed data set. */
export class DataError extends UserError {
  /** Stands before the message. */
  override name = "DataError";
}

/** A model folder that cannot be used: missing files, an unknown architecture, hostile weights. */
export class ModelError extends UserError {
  /** Stands before the message. */
  override name = "ModelError";
}

/** The GPU is missing, or cannot do what the run needs. */
export class DeviceError extends UserError {
  /** Stands before the message. */
  override name = "DeviceError";
}

/** An inference engine refused or failed a request. */
export class EngineError extends ASTunerError {
  /** Stands before the message. */
  override name = "EngineError";
}

/** A request that an inference engine can never serve, such as one with token ids that the model lacks. */
export class RequestError extends EngineError {
  /** Stands before the message. */
  override name = "RequestError";
}

/** Where in an episode's life it failed. */
export type EpisodeStage =
  | "start"
  | "workflow"
  | "judge"
  | "deadline"
  | "idle"
  | "process";

/** One episode failed; it is recorded, counted against the failure budget, and perhaps retried. */
export class EpisodeError extends ASTunerError {
  /** Stands before the message. */
  override name = "EpisodeError";

  /** A failure at `stage`. */
  constructor(
    /** The part of the episode that failed. */
    readonly stage: EpisodeStage,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
