import { expect } from 'vitest'

/** The events of a stream as they come; whoever stops asking ends it. */
export async function* serverSentEvents(answer: Response): AsyncGenerator<{ name: string; data: string }> {
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  let text = ''
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const whole = text.split('\n\n')
    text = whole.pop()!
    for (const event of whole) {
      const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? []
      yield { name, data }
    }
  }
}
