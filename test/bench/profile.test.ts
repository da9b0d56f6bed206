import { expect, test } from 'vitest'

import { readReport } from '../../bench/perf.ts'

test('a report of perf tells JavaScript by place, the kernel and native code by name, and adds up what was compiled twice', () => {
  const report = [
    '# Overhead\tShared Object\tSymbol',
    '',
    "8.85\t[JIT] tid 7\t[.] JS:*'parseFields file:///a/graylane/src/proxy/http1/parse-fields.ts:31:28",
    "0.15\t[JIT] tid 7\t[.] JS:+'parseFields file:///a/graylane/src/proxy/http1/parse-fields.ts:31:28",
    "0.50%\t[JIT] tid 7\t[.] JS:*'get empty file:///a/graylane/src/proxy/http1/outlet.ts:46:12",
    '0.30\t[JIT] tid 7\t[.] JS:~file:///a/graylane/src/gateway.ts:219:5',
    "2.00\t[JIT] tid 7\t[.] JS:*'onStreamRead node:internal/stream_base_commons:171:22",
    '7.00\t[kernel.kallsyms]\t[k] _copy_to_iter',
    '1.00\tnode\t[.] v8::internal::String::WriteToFlat2<unsigned char>',
    '0.90\tlibc.so.6\t[.] malloc',
  ].join('\n')
  const seen = readReport(report).map(({ name, place, layer, share }) => [
    name,
    place,
    layer,
    Math.round(share * 1e4) / 100,
  ])
  const http1 = 'file:///a/graylane/src/proxy/http1'
  expect(seen).toEqual([
    ['parseFields', `${http1}/parse-fields.ts:31`, 'JavaScript', 9],
    ['get empty', `${http1}/outlet.ts:46`, 'JavaScript', 0.5],
    ['(anonymous)', 'file:///a/graylane/src/gateway.ts:219', 'JavaScript', 0.3],
    ['onStreamRead', 'node:internal/stream_base_commons:171', 'JavaScript', 2],
    ['_copy_to_iter', '', 'kernel', 7],
    ['v8::internal::String::WriteToFlat2<unsigned char>', '', 'Node and V8', 1],
    ['malloc', '', 'C library', 0.9],
  ])
})
