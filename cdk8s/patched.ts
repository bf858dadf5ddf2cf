// Placeholders for whole lists and maps. The typed builders walk through these, which a placeholder does not survive, so
// it is put into the finished manifest.

/** `manifest` with what `patch` says beside or instead: objects are merged, lists item by item, the rest is replaced. */
export function patched(manifest: unknown, patch: unknown): unknown {
  if (Array.isArray(manifest) && Array.isArray(patch)) {
    return manifest.map((item, index) => (index in patch ? patched(item, patch[index]) : item));
  }
  if (!isObject(manifest) || !isObject(patch)) return patch;
  const merged = Object.entries(patch).map(([key, value]) => [
    key,
    key in manifest ? patched(manifest[key], value) : value,
  ]);
  return { ...manifest, ...Object.fromEntries(merged) };
}

function isObject(is: unknown): is is Record<string, unknown> {
  return typeof is === "object" && is !== null && !Array.isArray(is);
}
