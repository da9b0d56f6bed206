// Reads the Prometheus text format as a scraper does, so that tests compare samples and not spellings.

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Throws on a line that is none of the format's. */
export function parseExposition(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine)
}

/** Samples of one name as `label=value,... -> value` of the labels asked for. */
export function samplesOf(text: string, name: string): Sample[] {
  return parseExposition(text).filter((sample) => sample.name === name)
}

function parseLine(line: string): Sample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (match === null) throw new Error(`not a sample: ${line}`)
  const labels: Record<string, string> = {}
  let rest = match[2] ?? ''
  while (rest !== '') {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/.exec(rest)
    if (label === null) throw new Error(`not a label: ${rest}`)
    labels[label[1] as string] = (label[2] as string).replace(/\\(.)/g, (_, sign: string) =>
      sign === 'n' ? '\n' : sign,
    )
    rest = rest.slice(label[0].length)
  }
  return { name: match[1] as string, labels, value: match[3] === '+Inf' ? Infinity : Number(match[3]) }
}

/** Istio's series are told twice, as the gateway and as the destination see them: these are the gateway's. */
export function sourceSamplesOf(text: string, name: string): Sample[] {
  return samplesOf(text, name).filter(({ labels }) => labels['reporter'] !== 'destination')
}
