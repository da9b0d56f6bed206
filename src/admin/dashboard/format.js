// Numbers as people read them: few digits, never more exact than they are.

export function rate(value) {
  if (value === 0) return '0'
  if (value < 0.1) return value.toFixed(2)
  if (value < 10) return value.toFixed(1)
  return count(Math.round(value))
}

export function count(value) {
  if (value < 10_000) return String(value)
  if (value < 1_000_000) return `${trim(value / 1000)}k`
  return `${trim(value / 1_000_000)}M`
}

function trim(value) {
  return value < 100 ? value.toFixed(1) : String(Math.round(value))
}

/** 0 to 1 as percent. */
export function percent(part) {
  if (part === 0) return '0 %'
  if (part < 0.001) return '< 0.1 %'
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`
}

/** Milliseconds. */
export function duration(value) {
  if (value === undefined || value === null) return '–'
  if (value < 1) return `${value.toFixed(2)} ms`
  if (value < 10) return `${value.toFixed(1)} ms`
  if (value < 1000) return `${Math.round(value)} ms`
  if (value < 120_000) return `${(value / 1000).toFixed(1)} s`
  return `${Math.round(value / 60_000)} min`
}

/** Shares in hundredths of a percent. */
export function share(hundredths) {
  return String(hundredths / 100)
}

export function clock(milliseconds) {
  const at = new Date(milliseconds)
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

function two(value) {
  return String(value).padStart(2, '0')
}

export function dateAndClock(milliseconds, language) {
  return new Date(milliseconds).toLocaleString(language === 'zh' ? 'zh-CN' : 'en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
}
