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
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** One line over time, from zero up. */
export function lineChart({ title, xUnit, yUnit, points }: LineChart): string {
  const [height, top, bottom] = [300, 50, 40]
  const lastX = points.at(-1)?.[0] ?? 1
  const highest = Math.max(...points.map(([, y]) => y)) * 1.1
  const x = (value: number): string => (60 + (value / Math.max(lastX, 1e-9)) * (width - 90)).toFixed(1)
  const y = (value: number): string => (height - bottom - (value / highest) * (height - top - bottom)).toFixed(1)
  const path = points.map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${x(a)} ${y(b)}`).join('')
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const value = highest * part
    return (
      `<line class="grid" x1="60" x2="${width - 30}" y1="${y(value)}" y2="${y(value)}"/>` +
      `<text class="small" text-anchor="end" x="54" y="${Number(y(value)) + 4}">${short(value)}</text>`
    )
  })
  const ends = `<text class="small" x="60" y="${height - 16}">0</text><text class="small" text-anchor="end" x="${width - 30}" y="${height - 16}">${short(lastX)} ${escape(xUnit)}</text>`
  return svg(height, `${title} (${yUnit})`, `${ticks.join('')}<path class="line" d="${path}"/>${ends}`)
}

function svg(height: number, title: string, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2933 } .small { font-size: 12px; fill: #52606d } .title { font-size: 15px; font-weight: 600 }
.page { fill: #ffffff } .ours { fill: #0f766e } .theirs { fill: #b8c4ce } .range { stroke: #1f2933; stroke-width: 1.5 }
.mark { stroke: #b45309; stroke-width: 1.5; stroke-dasharray: 5 4 } .grid { stroke: #e4e7eb } .line { fill: none; stroke: #0f766e; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e4e7eb } .small { fill: #9aa5b1 } .page { fill: #0d1117 } .ours { fill: #2dd4bf } .theirs { fill: #4b5866 }
.range { stroke: #e4e7eb } .mark { stroke: #fbbf24 } .grid { stroke: #2a323c } .line { stroke: #2dd4bf }
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
