// Values found by the prefixes of a text: a radix tree, so that the work depends on the text and not on how many prefixes there are.

/** A place in the tree; its values are those of exactly this prefix. */
export interface PrefixNode<V> {
  readonly values: readonly V[]
  /** Length of the prefix. */
  readonly length: number
  /** By the code of the next character: what follows, whole. */
  readonly children: ReadonlyMap<number, { readonly text: string; readonly node: PrefixNode<V> }>
}

/** Walks from the shortest prefix to the longest: `start`, then `next` until it is undefined. */
export interface PrefixIndex<V> {
  start(): PrefixNode<V>
  next(node: PrefixNode<V>, text: string): PrefixNode<V> | undefined
}

interface MutableNode<V> {
  values: V[]
  length: number
  children: Map<number, { text: string; node: MutableNode<V> }>
}

export function compilePrefixIndex<V>(entries: readonly (readonly [prefix: string, value: V])[]): PrefixIndex<V> {
  const root: MutableNode<V> = { values: [], length: 0, children: new Map() }
  for (const [prefix, value] of entries) nodeAt(root, prefix).values.push(value)
  return {
    start: () => root,
    next(node, text) {
      const child = node.children.get(text.charCodeAt(node.length))
      return child !== undefined && text.startsWith(child.text, node.length) ? child.node : undefined
    },
  }
}

/** The node of a prefix, made where there is none. */
function nodeAt<V>(root: MutableNode<V>, prefix: string): MutableNode<V> {
  let node = root
  while (node.length < prefix.length) {
    const code = prefix.charCodeAt(node.length)
    const child = node.children.get(code)
    if (child === undefined) {
      const leaf = { values: [], length: prefix.length, children: new Map() }
      node.children.set(code, { text: prefix.slice(node.length), node: leaf })
      return leaf
    }
    const shared = sharedLength(child.text, prefix, node.length)
    if (shared < child.text.length) {
      const middle: MutableNode<V> = { values: [], length: node.length + shared, children: new Map() }
      middle.children.set(child.text.charCodeAt(shared), { text: child.text.slice(shared), node: child.node })
      node.children.set(code, { text: child.text.slice(0, shared), node: middle })
      node = middle
    } else node = child.node
  }
  return node
}

/** How many characters of `text` stand in `whole` at this place. */
function sharedLength(text: string, whole: string, at: number): number {
  let length = 0
  while (length < text.length && text.charCodeAt(length) === whole.charCodeAt(at + length)) length += 1
  return length
}
