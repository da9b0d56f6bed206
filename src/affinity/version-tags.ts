// Entity tags that say which version they are of. Two builds may share a tag, or the date of a file: a 304 of one would revive what the
// browser holds of the other. So tags carry the version out, and come back in only to that version (docs/caching.md).

// Between the version and the app's own tag. Neither can stand in a version's name, both may stand in a tag (RFC 9110 8.8.3).
const tagMark = '~'
/** What follows is no tag of the app but the date of its Last-Modified, with `_` for spaces, which a tag may not hold. */
const dateMark = '@'

/** The app's tag as the browser gets it: `"abc"` of v1 is `"v1~abc"`. What is no entity tag stays as it is. */
export function versionedTag(tag: string, version: string): string {
  const quote = tag.startsWith('W/"') ? 2 : 0
  return isTag(tag) ? `${tag.slice(0, quote + 1)}${version}${tagMark}${tag.slice(quote + 1)}` : tag
}

/** The tag of an answer that has a date alone, so that it can still be revalidated. Weak: a date has no more than seconds. */
export function tagOfDate(lastModified: string, version: string): string {
  return `W/"${version}${dateMark}${lastModified.replaceAll(' ', '_')}"`
}

/** What a conditional field comes to for one version. */
export interface OwnTags {
  /** The app's own tags, or undefined when none of them is of this version. */
  readonly tags: string | undefined
  /** The date that a tag of ours stood for. */
  readonly date: string | undefined
}

const none: OwnTags = { tags: undefined, date: undefined }

/**
 * The tags of If-None-Match, If-Range or If-Match that were given out for this version, as the app wrote them.
 * @param others what happens to all others: they are dropped, or kept as they are (If-Match, which guards a change and then fails)
 */
export function tagsOf(field: string, version: string, others: 'drop' | 'keep'): OwnTags {
  let tags: string | undefined
  let date: string | undefined
  for (const [tag] of field.matchAll(/(?:W\/)?"[^"]*"|\*/g)) {
    const quote = tag.indexOf('"')
    const mark = tag.charAt(quote + 1 + version.length)
    const own = quote !== -1 && tag.startsWith(version, quote + 1)
    if (own && mark === dateMark) date = tag.slice(quote + version.length + 2, -1).replaceAll('_', ' ')
    else if (own && mark === tagMark)
      tags = joined(tags, tag.slice(0, quote + 1) + tag.slice(quote + version.length + 2))
    else if (others === 'keep') tags = joined(tags, tag)
  }
  return tags === undefined && date === undefined ? none : { tags, date }
}

function joined(list: string | undefined, tag: string): string {
  return list === undefined ? tag : `${list}, ${tag}`
}

/** Strictly one: a field that holds anything else is the app's business. */
function isTag(text: string): boolean {
  return /^(?:W\/)?"[^"]*"$/.test(text)
}
