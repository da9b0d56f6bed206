// Talking to the admin server: questions, and the stream of events, with the token where one is wanted. The stream is read with fetch,
// because EventSource cannot carry a token, and comes back by itself.

const tokenName = 'graylane-token'
const retryMs = 1500
/** The gateway says something once a second: one that says nothing for so long is not heard, whatever the connection looks like. */
const silenceMs = 10_000

function fields(more = {}) {
  const token = sessionStorage.getItem(tokenName)
  // What no field can hold is no token of a gateway: without it the gateway asks again, with it nothing would be sent at all.
  return token === null || /[^ -~]/.test(token) ? more : { ...more, authorization: `Bearer ${token}` }
}

export function keepToken(token) {
  sessionStorage.setItem(tokenName, token)
}

/** The answer's JSON with its status; throws when there is no answer. */
export async function post(path, body) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: fields(body === undefined ? {} : { 'content-type': 'application/json' }),
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  return { status: answer.status, body: await answer.json() }
}

/**
 * Follows /traffic until the function that is returned is called.
 * `hear` takes (event name, data); `onLost` is called when it breaks or falls silent; `onToken` is asked for a token, told whether
 * there was one that is not taken, and resolves when there is one.
 */
export function follow(window, { hear, onLost, onToken }) {
  const abort = new AbortController()
  void keepFollowing()
  return () => abort.abort()

  async function keepFollowing() {
    while (!abort.signal.aborted) {
      const silence = new Silence()
      try {
        const answer = await fetch(`/traffic?window=${window}`, {
          headers: fields({ accept: 'text/event-stream' }),
          signal: AbortSignal.any([abort.signal, silence.signal]),
        })
        if (answer.status === 401) {
          silence.end()
          await onToken(sessionStorage.getItem(tokenName) !== null)
          continue
        }
        if (!answer.ok) throw new Error(String(answer.status))
        await readEvents(answer.body, hear, silence)
      } catch {
        // Told below.
      }
      silence.end()
      if (abort.signal.aborted) return
      onLost()
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

/** Aborts its signal when nothing restarts it for too long: a network that is gone ends no connection. */
class Silence {
  #abort = new AbortController()
  #timer

  constructor() {
    this.restart()
  }

  get signal() {
    return this.#abort.signal
  }

  restart() {
    this.end()
    this.#timer = setTimeout(() => this.#abort.abort(), silenceMs)
  }

  end() {
    clearTimeout(this.#timer)
  }
}

async function readEvents(body, hear, silence) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    silence.restart()
    text += value
    const whole = text.split('\n\n')
    text = whole.pop()
    for (const event of whole) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? []
      if (name !== undefined) hear(name, JSON.parse(data))
    }
  }
}
