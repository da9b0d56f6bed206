// The last decisions, newest first, with a filter and a pause.

import { h, replace } from './element.js'
import { clock, duration } from './format.js'
import { word } from './words.js'

const kept = 200
const pinLetters = { none: 'N', held: 'H', stale: 'S', forged: 'F', two: 'T', kept: 'K', set: 'S' }

export class Decisions {
  #place
  #all = []
  #text = ''
  #wrongOnly = false
  #isPaused = false
  #release
  #filters
  /** The table's body, and the row of each decision in it; undefined where nothing is shown. */
  #body
  #rows = new Map()

  constructor(place, filters) {
    this.#place = place
    this.#filters = filters
    this.redraw()
  }

  /** However many come, only their rows are made, and only those of the ones that are forgotten go. */
  add(decisions) {
    const fresh = decisions.toReversed()
    const all = [...fresh, ...this.#all]
    this.#all = all.slice(0, kept)
    if (this.#isPaused) return
    if (this.#body === undefined) return this.#draw()
    const fits = this.#filter()
    this.#body.prepend(
      ...this.#all
        .slice(0, fresh.length)
        .filter(fits)
        .map((decision) => this.#row(decision)),
    )
    for (const forgotten of all.slice(kept)) this.#dropRow(forgotten)
    if (this.#rows.size === 0) this.#draw()
  }

  #dropRow(decision) {
    this.#rows.get(decision)?.remove()
    this.#rows.delete(decision)
  }

  /** The stream begins anew, with all that the gateway remembers. */
  clear() {
    this.#all = []
    this.#body = undefined
  }

  show(release) {
    if (this.#release?.name === release.name) return
    this.#release = release
    this.#draw()
  }

  redraw() {
    const search = h('input', {
      type: 'search',
      placeholder: word('filter'),
      'aria-label': word('filterLabel'),
      value: this.#text,
      oninput: (event) => {
        this.#text = event.target.value
        this.#draw()
      },
    })
    const wrong = h('input', {
      type: 'checkbox',
      checked: this.#wrongOnly,
      onchange: (event) => {
        this.#wrongOnly = event.target.checked
        this.#draw()
      },
    })
    const pause = h(
      'button',
      {
        type: 'button',
        onclick: () => {
          this.#isPaused = !this.#isPaused
          pause.textContent = word(this.#isPaused ? 'resume' : 'pause')
          this.#draw()
        },
      },
      word(this.#isPaused ? 'resume' : 'pause'),
    )
    replace(this.#filters, search, h('label', { class: 'check' }, wrong, word('wrongOnly')), pause)
    this.#draw()
  }

  #filter() {
    const words = this.#text.toLowerCase().split(/\s+/).filter(Boolean)
    return (decision) => {
      if (this.#release !== undefined && decision.release !== '' && decision.release !== this.#release.name)
        return false
      if (this.#wrongOnly && !isWrong(decision)) return false
      const text = `${decision.version} ${decision.reason} ${decision.rule} ${decision.method} ${decision.path} ${decision.client} ${decision.status} ${decision.service} ${decision.endpoint} ${decision.code} ${decision.flags}`
      return words.every((one) => text.toLowerCase().includes(one))
    }
  }

  #draw() {
    this.#body = undefined
    this.#rows.clear()
    const shown = this.#all.filter(this.#filter())
    if (shown.length === 0) {
      const text = this.#all.length === 0 ? word('noDecisions') : word('noMatch', this.#all.length)
      return replace(this.#place, h('p', { class: 'empty' }, text))
    }
    this.#body = h(
      'tbody',
      {},
      shown.map((decision) => this.#row(decision)),
    )
    const heads = ['time', 'version', 'reason', 'request', 'status', 'took', 'client', 'pin', 'endpoint']
    replace(
      this.#place,
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            heads.map((name) => h('th', { scope: 'col' }, word(name))),
          ),
        ),
        this.#body,
      ),
    )
  }

  #row(decision) {
    const { at, version, pool, served, reason, rule, method, path, status, durationMs, client, endpoint, flags } =
      decision
    const hue = Math.max(0, this.#release?.versions.findIndex(({ name }) => name === version) ?? 0) % 6
    const isCrossed = served !== undefined && served !== pool
    const row = h(
      'tr',
      { class: isCrossed ? 'crossed' : null },
      h('td', { class: 'soft' }, clock(at)),
      h(
        'td',
        {},
        version === '' ? '–' : h('span', { class: `chip hue-${hue}`, title: version }, version),
        isCrossed ? h('span', { class: 'bad' }, ` ${word('servedBy', served)}`) : null,
      ),
      h(
        'td',
        { title: reason === '' ? null : word(`reason-${reason}`) },
        reason === '' ? decision.code || '–' : reason,
        rule === '' ? null : h('span', { class: 'soft' }, ` ${rule}`),
      ),
      h('td', { class: 'path mono', title: path }, `${method} ${path}`),
      h(
        'td',
        {},
        h('span', { class: status >= 500 ? 'bad' : null }, String(status)),
        flags === '-' ? null : h('span', { class: 'soft' }, ` ${flags}`),
      ),
      h('td', {}, duration(durationMs)),
      h('td', { class: 'mono' }, client),
      h('td', { class: 'mono' }, `${pinLetters[decision.pinIn]}${pinLetters[decision.pinOut]}`),
      h('td', { class: 'mono soft' }, endpoint),
    )
    this.#rows.set(decision, row)
    return row
  }
}

function isWrong({ status, served, pool }) {
  return status >= 500 || status === 0 || (served !== undefined && served !== pool)
}
