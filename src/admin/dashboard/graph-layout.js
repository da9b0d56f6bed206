// Where everything of the graph stands: a lane for each version from top to bottom, and from left to right clients, edge, services,
// the services behind them, endpoints. Pure: from topology, figures and a width to shapes; graph.js draws them.

const rowHeight = 58
const endpointHeight = 26
const endpointGap = 6
const lanePadding = 12
const laneHead = 26
const laneGap = 12
/** How far links of other versions end from the one that belongs there. */
const besides = 10

/**
 * @param behind names of services that other services call; they stand in a column of their own
 * @returns lanes, nodes and links with places and figures
 */
export function layOut({ release, traffic, out, width, behind }) {
  const columns = columnsFor(width, behind.size > 0)
  const flows = traffic.lanes.filter((lane) => lane.release === release.name)
  const shapes = { width, height: 0, lanes: [], nodes: [], links: [], columns }
  const places = new Map()

  let y = 2
  for (const [index, version] of release.versions.entries()) {
    const top = y
    y += laneHead + lanePadding / 2
    for (const service of inOrder(release.services, behind)) {
      if (!(service in version.pools)) continue
      const endpoints = endpointsOf(version, service, flows)
      const shown = columns.endpoint === undefined ? [] : endpoints
      const height = Math.max(rowHeight, shown.length * (endpointHeight + endpointGap))
      const middle = y + height / 2
      const column = behind.has(service) && columns.behind !== undefined ? columns.behind : columns.service
      const node = {
        id: `${service}@${version.name}`,
        kind: 'service',
        hue: index,
        ...column,
        y: middle - 23,
        h: 46,
        title: service,
        flow: sumOf(flows.filter((flow) => flow.service === service && flow.pool === version.name)),
        endpoints: endpoints.length,
      }
      places.set(node.id, { ...node, middle })
      shapes.nodes.push(node)
      addEndpoints(shapes, node, shown, middle, out)
      y += height
    }
    if (y === top + laneHead + lanePadding / 2) y += 18
    y += lanePadding
    shapes.lanes.push({ version, hue: index, x: columns.lane, y: top, w: width - columns.lane - 2, h: y - top })
    y += laneGap
  }
  shapes.height = Math.max(y - laneGap + 2, 120)

  const middle = shapes.height / 2
  const edgeFlows = flows.filter((flow) => !flow.internal)
  const total = sumOf(edgeFlows)
  const own = sumOf(edgeFlows.filter((flow) => flow.pool === '' && flow.endpoints.length === 0))
  if (columns.clients !== undefined) {
    shapes.nodes.unshift({ id: 'clients', kind: 'clients', ...columns.clients, y: middle - 23, h: 46, flow: total })
    shapes.links.push(link('clients', columns.clients, columns.edge, middle, middle, { flow: total }))
  }
  shapes.nodes.push({ id: 'edge', kind: 'edge', ...columns.edge, y: middle - 29, h: 58, flow: total, own })
  const edge = { ...columns.edge, middle }
  for (const [key, same] of Object.entries(Object.groupBy(flows, linkKey)))
    addLink(shapes, key, same, places, edge, release)
  return shapes
}

/** Front to back: what others call comes last, and the catch-all, last in the file, first. */
function inOrder(services, behind) {
  const fromTheEnd = services.toReversed()
  return [...fromTheEnd.filter((name) => !behind.has(name)), ...fromTheEnd.filter((name) => behind.has(name))]
}

function columnsFor(width, hasBehind) {
  if (width < 620) {
    const service = { x: 92, w: width - 92 - 14 }
    return { edge: { x: 0, w: 62 }, lane: 78, service, behind: hasBehind ? service : undefined }
  }
  const endpoint = { x: width - 206, w: 190 }
  if (width < 980) {
    const lane = 116
    const room = endpoint.x - lane - 40
    const w = Math.min(190, hasBehind ? (room - 44) / 2 : room - 40)
    const behind = hasBehind ? { x: endpoint.x - w - 40, w } : undefined
    return { edge: { x: 0, w: 84 }, lane, service: { x: lane + 22, w }, behind, endpoint }
  }
  const lane = 340
  const w = 218
  const middle = hasBehind ? lane + 34 : lane + (endpoint.x - lane - w) * 0.4
  const behind = hasBehind ? { x: (middle + w + endpoint.x - w) / 2 + 10, w } : undefined
  return { clients: { x: 2, w: 100 }, edge: { x: 186, w: 104 }, lane, service: { x: middle, w }, behind, endpoint }
}

/** Addresses that were seen; the configured ones, as far as they are addresses or nothing was seen. */
function endpointsOf(version, service, flows) {
  const seen = new Map()
  for (const flow of flows) {
    if (flow.service !== service || flow.pool !== version.name) continue
    for (const { endpoint, rate, errors } of flow.endpoints) {
      const known = seen.get(endpoint) ?? { rate: 0, failed: 0 }
      seen.set(endpoint, { rate: known.rate + rate, failed: known.failed + rate * errors })
    }
  }
  for (const host of version.pools[service]) {
    if (/^[\d.]+:|^\[/.test(host) ? !seen.has(host) : seen.size === 0) seen.set(host, { rate: 0, failed: 0 })
  }
  return Array.from(seen, ([key, { rate, failed }]) => ({
    key,
    rate,
    errors: rate === 0 ? 0 : failed / rate,
  })).toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

function addEndpoints(shapes, node, endpoints, middle, out) {
  const column = shapes.columns.endpoint
  const step = endpointHeight + endpointGap
  for (const [index, { key, rate, errors }] of endpoints.entries()) {
    const centre = middle + (index - (endpoints.length - 1) / 2) * step
    shapes.nodes.push({
      id: `${node.id} ${key}`,
      kind: 'endpoint',
      hue: node.hue,
      ...column,
      y: centre - endpointHeight / 2,
      h: endpointHeight,
      title: key,
      flow: { rate, errors },
      isOut: out.includes(key),
    })
    shapes.links.push(
      link(`${node.id} ${key}`, node, column, middle, centre, { flow: { rate, errors }, hue: node.hue }),
    )
  }
}

function linkKey({ internal, service, version, pool }) {
  return [internal, service, version, pool].join(' ')
}

/** From the edge, or from the service of the caller's version, to the pool's service. */
function addLink(shapes, key, same, places, edge, release) {
  const [{ internal, service, version, pool }] = same
  const to = places.get(`${service}@${pool}`)
  if (to === undefined) return
  const from = internal ? callerPlace(version, service, places, release) : edge
  if (from === undefined) return
  const hue = release.versions.findIndex(({ name }) => name === version)
  const flow = sumOf(same)
  const isLent = version !== pool
  shapes.links.push(
    link(key, from, to, from.middle, to.middle + (isLent ? besides : 0), { flow, hue, isLent, via: shapes.columns }),
  )
  for (const { served, count } of same.flatMap(({ crossings }) => crossings)) {
    const wrong = places.get(`${service}@${served}`)
    if (wrong === undefined) continue
    const crossing = link(`${key} ${served}`, from, wrong, from.middle, wrong.middle - besides, {
      flow,
      via: shapes.columns,
    })
    shapes.links.push({ ...crossing, isCrossing: true, count })
  }
}

/** Which of its services called is not known; the one that browsers ask first stands for them. */
function callerPlace(version, called, places, release) {
  const others = release.services.filter((service) => service !== called).toReversed()
  return others.map((service) => places.get(`${service}@${version}`)).find((place) => place !== undefined)
}

function link(id, from, to, y1, y2, { flow, hue, isLent = false, via }) {
  const x1 = from.x + from.w
  const x2 = to.x
  const first = via?.service
  let d
  if (x2 <= x1) d = `M${from.x} ${y1} C${from.x - 18} ${y1},${to.x - 18} ${y2},${to.x} ${y2}`
  else if (first !== undefined && x1 < first.x && x2 > first.x + first.w) {
    // Past the first column on the row of its end, below or above what stands there.
    const turn = first.x - 8
    const bend = (x1 + turn) / 2
    d = `M${x1} ${y1} C${bend} ${y1},${bend} ${y2},${turn} ${y2} L${x2} ${y2}`
  } else {
    const bend = (x1 + x2) / 2
    d = `M${x1} ${y1} C${bend} ${y1},${bend} ${y2},${x2} ${y2}`
  }
  return { id, d, flow, hue, isLent, end: { x: x2, y: y2 }, start: { x: x1, y: y1 } }
}

function sumOf(flows) {
  const rate = flows.reduce((sum, flow) => sum + flow.rate, 0)
  const failed = flows.reduce((sum, flow) => sum + flow.rate * flow.errors, 0)
  // Of several, the busiest one's latencies stand for all.
  const busiest = flows.toSorted((a, b) => b.rate - a.rate)[0]
  return { rate, errors: rate === 0 ? 0 : failed / rate, p50: busiest?.p50, p99: busiest?.p99 }
}
