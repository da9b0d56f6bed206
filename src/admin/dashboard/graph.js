// Draws the graph. Shapes stay from second to second, so that what moves along a link keeps moving; only what changed is touched.

import { h as html, setText, svg } from './element.js'
import { duration, percent, rate, share } from './format.js'
import { layOut } from './graph-layout.js'
import { movement, travellers } from './travellers.js'
import { word } from './words.js'

export class Graph {
  #place
  #input
  #svg
  #travellers
  #shape = ''
  /** Services that were seen to be called by others stay in their column. */
  #behind = new Map()
  #links = new Map()
  #nodes = new Map()

  constructor(place) {
    this.#place = place
    new ResizeObserver(() => this.#draw()).observe(place)
  }

  /** `input`: release (topology), traffic (view), out (endpoints). */
  show(input) {
    this.#input = input
    this.#draw()
  }

  /** Nothing is listed and nothing was seen: that is said in its place. */
  showNothing() {
    this.#input = undefined
    this.#shape = ''
    this.#place.replaceChildren(html('p', { class: 'empty' }, word('nothingSeen')))
  }

  /** After a change of language. */
  redraw() {
    this.#shape = ''
    this.#draw()
  }

  #draw() {
    if (this.#input === undefined) return
    const { release, traffic } = this.#input
    const behind = this.#behind.get(release.name) ?? new Set()
    this.#behind.set(release.name, behind)
    for (const lane of traffic.lanes)
      if (lane.internal && lane.release === release.name && lane.service !== '') behind.add(lane.service)
    const width = Math.max(300, Math.floor(this.#place.clientWidth - 20))
    const shapes = layOut({ ...this.#input, width, behind })
    const shape = JSON.stringify([width, shapes.height, shapes.lanes, shapes.nodes.map(({ id, x, y }) => [id, x, y])])
    if (shape !== this.#shape) this.#build(shapes)
    this.#shape = shape
    this.#fill(shapes)
  }

  #build({ width, height, lanes, nodes }) {
    this.#links.clear()
    this.#nodes.clear()
    this.#svg = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img' })
    this.#svg.append(
      svg('g', {}, lanes.map(laneShape)),
      svg('g', { class: 'links' }),
      svg('g', { class: 'crossings' }),
      svg(
        'g',
        {},
        nodes.map((node) => this.#nodeShape(node)),
      ),
      svg('g', { class: 'badges' }),
      // Above the links that pass from lane to lane.
      svg('g', {}, lanes.map(laneWords)),
    )
    this.#travellers = html('div', { class: 'travellers', 'aria-hidden': 'true' })
    this.#place.replaceChildren(html('div', { class: 'drawing' }, this.#svg, this.#travellers))
  }

  #nodeShape(node) {
    const { id, kind, x, y, w, h, hue } = node
    const centre = kind === 'endpoint' ? y + h / 2 + 4 : y + h / 2 - 4
    const title = svg('text', { class: 'title', x: x + 11, y: centre })
    const line = kind === 'endpoint' ? null : svg('text', { class: 'figures-line', x: x + 11, y: y + h / 2 + 13 })
    const extra = svg(
      'text',
      kind === 'endpoint'
        ? { class: 'figures-line', x: x + w - 9, y: centre, 'text-anchor': 'end' }
        : { class: 'figures-line', x: x + 11, y: y + h / 2 + 26 },
    )
    const element = svg(
      'g',
      { class: `node ${kind} ${hue === undefined ? '' : `hue-${hue % 6}`}` },
      svg('title'),
      svg('rect', { x, y, width: w, height: h, rx: kind === 'endpoint' ? 7 : 11 }),
      title,
      line,
      extra,
    )
    this.#nodes.set(id, { element, title, line, extra })
    return element
  }

  #fill(shapes) {
    for (const node of shapes.nodes) this.#fillNode(node)
    const [, links, crossings, , badges] = this.#svg.children
    const gone = new Set(this.#links.keys())
    for (const link of shapes.links) {
      gone.delete(link.id)
      this.#fillLink(link, link.isCrossing ? crossings : links)
    }
    for (const id of gone) {
      for (const element of this.#links.get(id).elements) element.remove()
      this.#links.delete(id)
    }
    badges.replaceChildren(...crossingBadges(shapes.links))
    this.#svg.setAttribute('aria-label', this.#label())
  }

  #fillNode({ id, kind, title, flow, own, endpoints, isOut, w }) {
    const node = this.#nodes.get(id)
    const isNarrow = w < 80
    node.element.classList.toggle('idle', flow.rate === 0 && kind !== 'edge' && kind !== 'clients')
    node.element.classList.toggle('out', isOut === true)
    if (kind === 'endpoint') {
      const figure = isOut ? word('outOfBalancing') : flow.rate > 0 ? `${rate(flow.rate)}${word('perSecond')}` : ''
      const room = Math.floor((w - 22 - figure.length * 6.6) / 7)
      setText(node.title, cut(title, room))
      setText(node.extra, figure)
    } else setText(node.title, kind === 'service' ? shortened(title, w) : word(kind))
    if (node.line !== null) {
      const figures = [`${rate(flow.rate)}${word('perSecond')}`]
      if (kind === 'service' && flow.rate > 0) {
        // Where there is no room for both and errors, the slow end says more.
        if (w > 120 && (w > 240 || flow.errors === 0)) figures.push(`p50 ${duration(flow.p50)}`)
        if (w > 180) figures.push(`p99 ${duration(flow.p99)}`)
      }
      if (kind === 'service' && w > 240 && endpoints > 1) figures.push(word('endpointsCount', endpoints))
      const bad = flow.errors > 0 && !isNarrow ? svg('tspan', { class: 'bad' }, ` ${percent(flow.errors)}`) : ''
      const text = figures.join(' · ')
      if (node.line.textContent !== text + (bad === '' ? '' : bad.textContent)) node.line.replaceChildren(text, bad)
    }
    if (kind === 'edge') setText(node.extra, own.rate > 0 && !isNarrow ? word('ownAnswers', rate(own.rate)) : '')
    const full = [`${title ?? word(kind)}: ${rate(flow.rate)}${word('perSecond')}`, `5xx ${percent(flow.errors)}`]
    if (flow.p50 !== undefined) full.push(`p50 ${duration(flow.p50)}`, `p99 ${duration(flow.p99)}`)
    setText(node.element.firstChild, full.join(', '))
  }

  #fillLink(link, paths) {
    const { id, d, flow, hue, isLent, isCrossing } = link
    const weight = flow.rate === 0 ? 1.2 : Math.min(7, 1.8 + Math.log10(1 + flow.rate) * 1.7)
    const state = [
      'link',
      hue === undefined || hue < 0 || isCrossing ? '' : `hue-${hue % 6}`,
      flow.rate === 0 ? 'idle' : '',
      isLent ? 'lent' : '',
      isCrossing ? 'crossing' : '',
    ].join(' ')
    let known = this.#links.get(id)
    if (known === undefined || known.d !== d) {
      for (const element of known?.elements ?? []) element.remove()
      const path = svg('path', { d })
      const group = html('div')
      paths.append(path)
      this.#travellers.append(group)
      known = { d, path, group, elements: [path, group], moving: '' }
      this.#links.set(id, known)
    }
    known.path.setAttribute('class', state)
    if (!isCrossing) known.path.setAttribute('stroke-width', weight.toFixed(1))
    const moving = movement(flow, isCrossing)
    const key = JSON.stringify([moving, state])
    if (key === known.moving) return
    known.moving = key
    known.group.setAttribute('class', state.replace('link', ''))
    known.group.replaceChildren(...travellers(known.path, moving, 2.1 + weight * 0.24))
  }

  #label() {
    const { release, traffic } = this.#input
    const versions = release.versions.map(({ name }) => {
      const view = traffic.versions.find((one) => one.version === name && one.release === release.name)
      return word('graphVersion', name, rate(view?.rate ?? 0))
    })
    const crossings = traffic.coupling.pairs.filter((pair) => pair.release === release.name)
    const count = crossings.reduce((sum, pair) => sum + pair.count, 0)
    return word('graphLabel', rate(traffic.edge.rate), versions.join(', '), String(count))
  }
}

/** A host of a cluster by its first two labels; what is longer than its box is cut. */
function shortened(name, width) {
  const short = name.replace(/\.svc(?:\.|$).*$/, '')
  return cut(short, Math.floor((width - 22) / 7.6))
}

function cut(text, room) {
  return text.length > room ? `${text.slice(0, Math.max(4, room - 1))}…` : text
}

/** About, in small letters. Han characters are as wide as they are high. */
function widthOf(text) {
  return Array.from(text, (sign) => (/\p{Script=Han}/u.test(sign) ? 12 : 7)).reduce((sum, one) => sum + one, 0)
}

function laneShape({ hue, x, y, w, h }) {
  return svg('rect', { class: `band hue-${hue % 6}`, x, y, width: w, height: h, rx: 12 })
}

function laneWords({ version, hue, x, y, w }) {
  const { role, share: hundredths } = version
  const details = [word(role === 'draining' ? 'drainingRole' : role)]
  if (hundredths > 0) details.push(word('shareOf', share(hundredths)))
  const said = details.join(' · ')
  const name = version.name === '' ? word('noSubset') : version.name
  return svg(
    'text',
    { class: `lane-words hue-${hue % 6}`, x: x + 14, y: y + 21 },
    svg('title', {}, name),
    svg('tspan', { class: 'lane-name' }, cut(name, Math.floor((w - 40 - widthOf(said)) / 8.6))),
    svg('tspan', { class: 'lane-role', dx: 10 }, said),
  )
}

/** One at each service that answered for another version, with all that it answered so. */
function crossingBadges(links) {
  const byEnd = Object.groupBy(
    links.filter(({ isCrossing }) => isCrossing),
    ({ end }) => `${end.x} ${end.y}`,
  )
  return Object.values(byEnd).map((same) => {
    const [{ end }] = same
    const text = `${word('legendCrossing')} ${same.reduce((sum, { count }) => sum + count, 0)}`
    const width = 16 + widthOf(text)
    const x = Math.max(2, end.x - width - 14)
    const y = end.y - 28
    return svg(
      'g',
      { class: 'crossing-badge' },
      svg('rect', { x, y, width, height: 20, rx: 10 }),
      svg('text', { x: x + 8, y: y + 14 }, text),
    )
  })
}
