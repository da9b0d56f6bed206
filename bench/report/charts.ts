// Charts as plain SVG that follows the reader's light or dark page. Every length and number in them is a figure of the result.

export interface BarOfChart {
  readonly label: string
  readonly value: number
  /** A thin line from here to there. */
  readonly from?: number
  readonly to?: number
  readonly ours: boolean
}

export interface BarChart {
  readonly title: string
  readonly unit: string
  readonly bars: readonly BarOfChart[]
  /** A line across all bars, such as 1 for "as much as nginx". */
  readonly mark?: { readonly value: number; readonly label: string }
}

const width = 760
const left = 190
const right = 90
const row = 26

/** Lying bars, one a line, in the order given. */
export function barChart({ title, unit, bars, mark }: BarChart): string {
  const longest = Math.max(...bars.map(({ value, to }) => to ?? value), mark?.value ?? 0)
  const scale = (width - left - right) / longest
  const x = (value: number): string => (left + value * scale).toFixed(1)
  const top = mark === undefined ? 46 : 62
  const lines = bars.map((bar, i) => oneBar(bar, top + i * row, x, scale))
  const height = top + bars.length * row + 14
  const marked =
    mark === undefined
      ? ''
      : `<line class="mark" x1="${x(mark.value)}" x2="${x(mark.value)}" y1="${top - 6}" y2="${height - 12}"/>` +
        `<text class="small" text-anchor="middle" x="${x(mark.value)}" y="${top - 10}">${escape(mark.label)}</text>`
  return svg(height, `${title} (${unit})`, lines.join('\n') + marked)
}

function oneBar(
  { label, value, from, to, ours }: BarOfChart,
  y: number,
  x: (value: number) => string,
  scale: number,
): string {
  const middle = y + 8
  const range =
    from === undefined || to === undefined
      ? ''
      : `<line class="range" x1="${x(from)}" x2="${x(to)}" y1="${middle}" y2="${middle}"/>`
  const end = Math.max(value, to ?? 0)
  return (
    `<text text-anchor="end" x="${left - 10}" y="${y + 13}">${escape(label)}</text>` +
    `<rect class="${ours ? 'ours' : 'theirs'}" x="${left}" y="${y}" rx="2" width="${Math.max(1, value * scale).toFixed(1)}" height="17"/>` +
    `${range}<text class="small" x="${(Number(x(end)) + 8).toFixed(1)}" y="${y + 13}">${short(value)}</text>`
  )
}

export interface LineChart {
  readonly title: string
  readonly xUnit: string
  readonly yUnit: string
  /** Two at most are told apart. */
  readonly lines: readonly {
    readonly label: string
    readonly points: readonly (readonly [x: number, y: number])[]
  }[]
  /** A line from top to bottom, such as where counting begins. */
  readonly mark?: { readonly x: number; readonly label: string }
}

const plot = { height: 300, left: 60, right: width - 30, top: 66, bottom: 260 }

/** Lines over time, from zero up. */
export function lineChart({ title, xUnit, yUnit, lines, mark }: LineChart): string {
  const points = lines.flatMap((line) => line.points)
  const lastX = Math.max(1e-9, ...points.map(([x]) => x))
  const highest = Math.max(1e-9, ...points.map(([, y]) => y)) * 1.1
  const x = (value: number): string => (plot.left + (value / lastX) * (plot.right - plot.left)).toFixed(1)
  const y = (value: number): string => (plot.bottom - (value / highest) * (plot.bottom - plot.top)).toFixed(1)
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = y(highest * part)
    return (
      `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${at}" y2="${at}"/>` +
      `<text class="small" text-anchor="end" x="${plot.left - 6}" y="${Number(at) + 4}">${short(highest * part)}</text>`
    )
  })
  const marked =
    mark === undefined || mark.x > lastX
      ? ''
      : `<line class="mark" x1="${x(mark.x)}" x2="${x(mark.x)}" y1="${plot.top - 6}" y2="${plot.bottom}"/>` +
        `<text class="small" x="${x(mark.x)}" y="${plot.top - 10}">${escape(mark.label)}</text>`
  const drawn = lines.map(({ label, points: along }, i) => {
    const path = along.map(([a, b], n) => `${n === 0 ? 'M' : 'L'}${x(a)} ${y(b)}`).join('')
    return `<path class="line ${i === 0 ? 'first' : 'second'}" d="${path}"/>${legend(label, i)}`
  })
  const under = plot.height - 16
  const ends =
    `<text class="small" x="${plot.left}" y="${under}">0</text>` +
    `<text class="small" text-anchor="end" x="${plot.right}" y="${under}">${short(lastX)} ${escape(xUnit)}</text>`
  return svg(plot.height, `${title} (${yUnit})`, `${ticks.join('')}${marked}${drawn.join('')}${ends}`)
}

/** Its name beside a piece of the line, in the title's row. */
function legend(label: string, i: number): string {
  const from = 320 + i * 200
  return (
    `<path class="line ${i === 0 ? 'first' : 'second'}" d="M${from} 22h24"/>` +
    `<text class="small" x="${from + 30}" y="26">${escape(label)}</text>`
  )
}

function svg(height: number, title: string, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2933 } .small { font-size: 12px; fill: #52606d } .title { font-size: 15px; font-weight: 600 }
.page { fill: #ffffff } .ours { fill: #0f766e } .theirs { fill: #b8c4ce } .range { stroke: #1f2933; stroke-width: 1.5 }
.mark { stroke: #b45309; stroke-width: 1.5; stroke-dasharray: 5 4 } .grid { stroke: #e4e7eb } .line { fill: none; stroke-width: 2 }
.first { stroke: #0f766e } .second { stroke: #7b8794 }
@media (prefers-color-scheme: dark) {
text { fill: #e4e7eb } .small { fill: #9aa5b1 } .page { fill: #0d1117 } .ours { fill: #2dd4bf } .theirs { fill: #4b5866 }
.range { stroke: #e4e7eb } .mark { stroke: #fbbf24 } .grid { stroke: #2a323c } .first { stroke: #2dd4bf } .second { stroke: #9aa5b1 }
}
</style>
<rect class="page" width="${width}" height="${height}" rx="6"/>
<text class="title" x="16" y="26">${escape(title)}</text>
${content}
</svg>
`
}

/** Three digits that count. */
export function short(value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2)
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
