/** Whether `path` can be a model's name on the Hub, `owner/name`, rather than a path. */
export function isHubId(path: string): boolean {
  return /^\w[\w.-]{0,95}\/\w[\w.-]{0,95}$/.test(path) && !path.includes("..");
}

/** The name on the Hub of a folder in its cache; undefined for any other folder. */
export function hubIdOf(folder: string): string | undefined {
  const [, owner, name] =
    /[/\\]models--([\w.-]+?)--([\w.-]+)[/\\]snapshots[/\\]\w+[/\\]?$/
      .exec(folder) ?? [];
  return name === undefined ? undefined : `${owner}/${name}`;
}
