// Istio's HTTPRewrite as Envoy carries it out: host and path of a request before it is sent on. The query always stays.

import { compileReplacement } from '../rules/regex.ts'
import type { RewriteSpec } from '../rules/route-actions.ts'
import type { StringMatchSpec } from '../rules/types.ts'
import { wireText } from '../rules/wire-text.ts'

/** The path for a path (without query) and the `uri` of the match that fitted. */
export type PathRewrite = (path: string, matched: StringMatchSpec | undefined) => string

/** Undefined when the path stays. Throws on a regex that validation has refused before. */
export function compilePathRewrite({ uri, uriRegexRewrite }: RewriteSpec): PathRewrite | undefined {
  if (uri !== undefined) {
    const text = wireText(uri)
    return (path, matched) => replacePrefix(text, path, matched)
  }
  if (uriRegexRewrite === undefined) return undefined
  const replacement = compileReplacement(uriRegexRewrite.match, uriRegexRewrite.rewrite)
  if (!replacement.ok) throw new Error(replacement.message)
  // Envoy leaves a path alone of which nothing would be left.
  return (path) => replacement.replace(path) || path
}

/**
 * The matched prefix is replaced as a string, by its length (ignoreUriCase changes nothing of that); with an exact or regex match the
 * whole path is. A match without uri has the prefix `/`.
 */
export function replacePrefix(text: string, path: string, matched: StringMatchSpec | undefined): string {
  if (matched === undefined) return text + path.slice(1)
  return matched.kind === 'prefix' ? text + path.slice(wireText(matched.value).length) : text
}
