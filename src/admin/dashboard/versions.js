// Versions side by side: one card each, built when the configuration changes, its figures filled in every second.

import { h, replace, setText, svg } from './element.js'
import { count, duration, percent, rate, share } from './format.js'
import { word } from './words.js'

const verbsOf = {
  stable: ['rollback', 'add'],
  gray: ['share', 'add', 'promote', 'rollback'],
  idle: ['share', 'add', 'promote'],
  draining: ['promote', 'rollback', 'retire'],
  seen: [],
}

export class Versions {
  #place
  #onVerb
  #cards = new Map()
  #shape = ''

  /** `onVerb(version name, verb)` is called when somebody wants to release. */
  constructor(place, onVerb) {
    this.#place = place
    this.#onVerb = onVerb
  }

  show(release, traffic) {
    const shape = JSON.stringify([release, document.documentElement.lang])
    if (shape !== this.#shape) this.#build(release)
    this.#shape = shape
    for (const [name, card] of this.#cards) {
      card.fill(traffic.versions.find((view) => view.version === name && view.release === release.name))
    }
  }

  showNothing() {
    this.#shape = ''
    this.#cards.clear()
    replace(this.#place)
  }

  #build(release) {
    this.#cards = new Map(
      release.versions.flatMap((version, hue) =>
        version.name === '' ? [] : [[version.name, this.#card(version, hue, release)]],
      ),
    )
    replace(
      this.#place,
      [...this.#cards.values()].map(({ element }) => element),
    )
  }

  #card(version, hue, release) {
    const { name, role } = version
    const cells = { errors: h('dd'), p50: h('dd'), p99: h('dd'), sockets: h('dd') }
    const perSecond = h('span', { class: 'rate' })
    const pins = { fiveMinutes: h('b'), hour: h('b'), day: h('b') }
    const spark = svg('svg', {
      class: 'spark',
      viewBox: '0 0 120 40',
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    })
    const element = h(
      'article',
      { class: `version hue-${hue % 6}`, 'data-version': name, 'aria-label': `${name}, ${roleText(version, release)}` },
      h(
        'div',
        { class: 'version-head' },
        h('h3', {}, name),
        h('span', { class: 'chip' }, roleText(version, release)),
        perSecond,
      ),
      spark,
      h(
        'dl',
        { class: 'facts' },
        fact('errors', cells.errors),
        fact('p50', cells.p50),
        fact('p99', cells.p99),
        fact('sockets', cells.sockets),
      ),
      h(
        'p',
        { class: 'pins' },
        h('span', {}, word('pinsSeen')),
        h('span', {}, pins.fiveMinutes, ` ${word('pinsFive')}`),
        h('span', {}, pins.hour, ` ${word('pinsHour')}`),
        h('span', {}, pins.day, ` ${word('pinsDay')}`),
      ),
      h(
        'div',
        { class: 'verbs' },
        verbsOf[role].map((verb) =>
          h('button', { type: 'button', 'data-verb': verb, onclick: () => this.#onVerb(name, verb) }, word(verb)),
        ),
      ),
    )
    return { element, fill: (view) => fill(view ?? nothing, { cells, perSecond, pins, spark }) }
  }
}

function fact(label, cell) {
  return h('div', {}, h('dt', {}, word(label)), cell)
}

const nothing = {
  rate: 0,
  errors: 0,
  p50: undefined,
  p99: undefined,
  sockets: 0,
  pins: { fiveMinutes: 0, hour: 0, day: 0 },
  requestsBySecond: [],
  errorsBySecond: [],
}

function fill(view, { cells, perSecond, pins, spark }) {
  setText(perSecond, `${rate(view.rate)}${word('perSecond')}`)
  setText(cells.errors, percent(view.errors))
  cells.errors.classList.toggle('bad', view.errors > 0)
  setText(cells.p50, duration(view.p50))
  setText(cells.p99, duration(view.p99))
  setText(cells.sockets, count(view.sockets))
  for (const [name, element] of Object.entries(pins)) setText(element, count(view.pins[name]))
  replace(spark, sparkShapes(view.requestsBySecond, view.errorsBySecond))
}

/** A minute of requests as a line over its area, failures as bars from the bottom. */
function sparkShapes(requests, errors) {
  const most = Math.max(1, ...requests)
  const step = 120 / Math.max(1, requests.length - 1)
  const y = (value) => (38 - (value / most) * 35).toFixed(1)
  const points = requests.map((value, i) => `${(i * step).toFixed(1)} ${y(value)}`)
  if (points.length === 0) points.push('0 38', '120 38')
  return [
    svg('path', { class: 'area', d: `M0 40 L${points.join(' L')} L120 40Z` }),
    svg('path', { class: 'line', d: `M${points.join(' L')}` }),
    ...errors.flatMap((value, i) =>
      value === 0
        ? []
        : [
            svg('rect', {
              class: 'errors',
              x: (i * step - 0.8).toFixed(1),
              y: y(value),
              width: 1.6,
              height: 40 - y(value),
            }),
          ],
    ),
  ]
}

function roleText({ role, share: hundredths, name }, release) {
  if (hundredths > 0)
    return `${word(role === 'draining' ? 'drainingRole' : role)} · ${word('shareOf', share(hundredths))}`
  const rules = release.rules.filter((rule) => rule.version === name).length
  const text = word(role === 'draining' ? 'drainingRole' : role)
  if (role !== 'gray') return text
  return `${text} · ${rules === 1 ? word('oneRule') : word('ruleCount', rules)}`
}
