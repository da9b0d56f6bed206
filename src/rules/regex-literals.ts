// What can be said of a regular expression without running it: that it is one text, a text and anything, or needs a text inside.
// Reads only patterns that re2js has accepted, and gives up (undefined) on whatever it does not know for certain.

export type RegexLiteral =
  /** The pattern fits this text alone. */
  | { readonly kind: 'exact'; readonly text: string }
  /** The pattern fits this text with anything but line feeds behind it. */
  | { readonly kind: 'prefix'; readonly text: string }
  /** Whatever fits holds this text somewhere; not empty. */
  | { readonly kind: 'needs'; readonly text: string }

/** Reads RE2 syntax, for a match of the whole text. */
export function readRegexLiteral(pattern: string): RegexLiteral | undefined {
  // Inline flags, \Q..\E and Unicode classes change how everything behind them reads.
  if (/\(\?(?!:)|\\[QEpPxC0-9]/.test(pattern)) return undefined
  const core = pattern.replace(/^\^/, '')
  const exact = literalUpTo(core, /\$?$/y)
  if (exact !== undefined) return { kind: 'exact', text: exact }
  const prefix = literalUpTo(core, /(?:\.\*|\(\.\*\)|\(\?:\.\*\))\$?$/y)
  if (prefix !== undefined) return { kind: 'prefix', text: prefix }
  const needed = new NeededText(pattern).read()
  return needed === '' ? undefined : { kind: 'needs', text: needed }
}

/** The literal characters from the start, if what follows them is exactly `end`. */
function literalUpTo(pattern: string, end: RegExp): string | undefined {
  let text = ''
  for (let at = 0; ;) {
    end.lastIndex = at
    if (end.test(pattern)) return text
    const literal = literalAt(pattern, at)
    if (literal === undefined) return undefined
    text += literal
    at += pattern[at] === '\\' ? 2 : 1
  }
}

/** The character that stands for itself at this place: no metacharacter, or one behind a backslash. */
function literalAt(pattern: string, at: number): string | undefined {
  const char = pattern[at]
  if (char === undefined) return undefined
  if (char !== '\\') return '.*+?()[]{}|^$'.includes(char) ? undefined : char
  const escaped = pattern[at + 1]
  return escaped !== undefined && /[!-/:-@[-`{-~]/.test(escaped) ? escaped : undefined
}

/** The longest text that every fitting value holds: a walk over one level of the pattern, groups by recursion. */
class NeededText {
  readonly #pattern: string
  #at = 0

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  read(): string {
    return this.#sequence()
  }

  /** Up to the end or the closing parenthesis. '' when nothing is needed: one of several alternatives is no need. */
  #sequence(): string {
    let best = ''
    let run = ''
    let hasAlternatives = false
    const endRun = (): void => {
      if (run.length > best.length) best = run
      run = ''
    }
    while (this.#at < this.#pattern.length && this.#pattern[this.#at] !== ')') {
      const literal = literalAt(this.#pattern, this.#at)
      if (literal !== undefined) {
        this.#at += this.#pattern[this.#at] === '\\' ? 2 : 1
        const times = this.#quantifier()
        if (times !== 'maybe') run += literal
        if (times !== 'once') endRun()
        continue
      }
      endRun()
      if (this.#pattern[this.#at] === '|') hasAlternatives = true
      const inner = this.#atom()
      if (this.#quantifier() !== 'maybe' && inner.length > best.length) best = inner
    }
    endRun()
    return hasAlternatives ? '' : best
  }

  /** Anything but a literal: steps over it, and says what a group needs. */
  #atom(): string {
    const char = this.#pattern[this.#at]
    if (char === '(') {
      this.#at += this.#pattern.startsWith('(?:', this.#at) ? 3 : 1
      const inner = this.#sequence()
      this.#at += 1
      return inner
    }
    if (char === '[') this.#skipClass()
    else this.#at += char === '\\' ? 2 : 1
    return ''
  }

  /** A `]` that comes first stands for itself; `[:alpha:]` holds one of its own. */
  #skipClass(): void {
    this.#at += this.#pattern[this.#at + 1] === '^' ? 2 : 1
    for (let first = true; this.#pattern[this.#at] !== ']' || first; first = false) {
      if (this.#pattern[this.#at] === undefined) return
      const named = this.#pattern.startsWith('[:', this.#at) ? this.#pattern.indexOf(':]', this.#at) : -1
      if (named !== -1) this.#at = named + 2
      else this.#at += this.#pattern[this.#at] === '\\' ? 2 : 1
    }
    this.#at += 1
  }

  /** How often the thing before is there; `?` behind a quantifier makes it lazy, which changes no verdict. */
  #quantifier(): 'once' | 'some' | 'maybe' {
    const rest = this.#pattern.slice(this.#at)
    const found = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(rest)?.[0]
    if (found === undefined) return 'once'
    this.#at += found.length
    return found.startsWith('+') ? 'some' : 'maybe'
  }
}
