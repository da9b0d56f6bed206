// Talking to the admin server: questions, and the stream of events, with the token where one is wanted. The stream is read with fetch,
// because EventSource cannot carry a token, and comes back by itself.

const tokenName = 'graylane-token'
const retryMs = 1500

function fields(more = {}) {
  const token = sessionStorage.getItem(tokenName)
  return token === null ? more : { ...more, authorization: `Bearer ${token}` }
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
 * `hear` takes (event name, data); `onLost` is called when it breaks; `onToken` is asked for a token and resolves when there is one.
 */
export function follow(window, { hear, onLost, onToken }) {
  const abort = new AbortController()
  void keepFollowing()
  return () => abort.abort()

  async function keepFollowing() {
    while (!abort.signal.aborted) {
      try {
        const answer = await fetch(`/traffic?window=${window}`, {
          headers: fields({ accept: 'text/event-stream' }),
          signal: abort.signal,
        })
        if (answer.status === 401) {
          await onToken()
          continue
        }
        if (!answer.ok) throw new Error(String(answer.status))
        await readEvents(answer.body, hear)
      } catch {
        // Told below.
      }
      if (abort.signal.aborted) return
      onLost()
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }
}

async function readEvents(body, hear) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    text += value
    const whole = text.split('\n\n')
    text = whole.pop()
    for (const event of whole) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? []
      if (name !== undefined) hear(name, JSON.parse(data))
    }
  }
}
