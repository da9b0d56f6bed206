// What a release verb would change, and why it does not.

import { translated } from './sentences.js'

const sentences = [
  [/^visitors from (.+) get (\S+)$/, '来自 {0} 的访客使用 {1}'],
  [/^users? (.+) gets? (\S+)$/, '用户 {0} 使用 {1}'],
  [
    /^(\S+) draws (\S+) of the visitors that reach the share, before (\S+)$/,
    '{0} 抽取到达此规则的访客的 {1}（此前 {2}）',
  ],
  [/^(\S+) draws (\S+) of the visitors that reach the share$/, '{0} 抽取到达此规则的访客的 {1}'],
  [/^whoever (\S+) was given keeps it until .+$/, '已得到 {0} 的访客保留到会话标记到期；用回滚收回'],
  [/^(\S+) does not drain any more$/, '{0} 不再排空'],
  [/^(\d+) gray rules? for (\S+) hit again$/, '{1} 的 {0} 条灰度规则重新生效'],
  [/^(\d+) gray rules? for (\S+) removed: (\S+) is for everybody$/, '移除 {1} 的 {0} 条灰度规则：{2} 面向所有人'],
  [/^(\d+) gray rules? for (\S+) removed: (\S+) drains$/, '移除 {1} 的 {0} 条灰度规则：{2} 开始排空'],
  [/^(\d+) gray rules? for (\S+) removed$/, '移除 {1} 的 {0} 条灰度规则'],
  [/^(\S+) drains: its visitors get (\S+) with their next page$/, '{0} 开始排空：它的访客下次加载页面时得到 {1}'],
  [/^the epoch is (\d+): .+$/, '纪元为 {0}：所有已打开的页面（包括稳定版的）在下一个请求时需要重新加载'],
  [/^(\S+) is stable, before (\S+)$/, '{0} 成为稳定版（此前 {1}）'],
  [/^(\S+) drains: it serves its open pages and draws nobody$/, '{0} 开始排空：继续服务已打开的页面，不再吸收访客'],
  [/^no other version lends (\S+) a pool, as before$/, '和以前一样，没有别的版本把池借给 {0}'],
  [/^(\S+) goes on lending (\S+) the pools that it lacks$/, '{0} 继续把 {1} 缺少的池借给它'],
  [/^(\S+) is not listed any more: .+$/, '{0} 不再列出：它的会话标记失效，仍打开的页面需要重新加载'],
  [/^(\d+) tests? that expected (\S+) removed$/, '移除 {0} 条期望 {1} 的测试'],

  [/^(\S+) is not listed under versions, which has (.+)$/, 'versions 中没有 {0}，只有 {1}'],
  [/^which visitors\? give addresses or users$/, '哪些访客？请填写地址或用户'],
  [/^(".*") is not an address or CIDR$/, '{0} 不是地址或 CIDR'],
  [/^(".*") is no user$/, '{0} 不是用户名'],
  [
    /^identity says nothing but clientIp, .+$/,
    'identity 只有 clientIp，访客没有用户名：先加上 cookies.NAME 或 headers.NAME',
  ],
  [/^(".*") is not a percentage such as (.+)$/, '{0} 不是百分比，例如 5%、0.5% 或 0.01%'],
  [/^(\S+) is stable: everyone whom no rule takes gets it$/, '{0} 是稳定版：没有规则命中的人都使用它'],
  [/^(\S+) has (\d+) shares: say which with its name$/, '{0} 有 {1} 条比例规则：请用名字指明'],
  [/^rule (\S+) holds no list of (\S+): give another name$/, '规则 {0} 中没有 {1} 列表：请换一个名字'],
  [
    /^rule (\S+) stands below a share, which draws first: .+$/,
    '规则 {0} 位于比例规则之下，比例会先抽取：请把它上移，或换一个名字',
  ],
  [/^(\S+) is the version to roll back$/, '{0} 正是要回滚的版本'],
  [/^(\S+) is stable and no version drains: .+$/, '{0} 是稳定版，且没有正在排空的版本：请选择所有人回到哪个版本'],
  [
    /^(\S+) is stable and several versions drain \((.+)\): .+$/,
    '{0} 是稳定版，有多个版本正在排空（{1}）：请选择所有人回到哪个版本',
  ],
  [/^(\S+) is stable: promote another version first$/, '{0} 是稳定版：先把另一个版本转为稳定版'],
  [/^(\S+) is the base of (.+): its pools still serve their pages$/, '{0} 是 {1} 的基础版本：它的池仍在服务它们的页面'],
  [/^(\S+) does not drain, so visitors may still .+$/, '{0} 没有在排空，访客仍可能得到它：先回滚 {0}'],
  [/^since when (\S+) drains is not written: .+$/, '没有写明 {0} 从何时开始排空：请在 draining 中加上 since'],
  [/^(\S+) drains from (\S+) on, which is still to come$/, '{0} 从 {1} 起排空，时间未到'],
  [
    /^(\S+) drains since (\S+); after pin\.ttl \((\S+)\) .+, at (\S+)$/,
    '{0} 从 {1} 起排空；pin.ttl（{2}）之后，即 {3}，最后的页面才会关闭',
  ],
  [
    /^the callers of port (\S+) are (\S+) by its sourceLabels: .+$/,
    '端口 {0} 的调用方由 sourceLabels 规定为 {1}：它们将由稳定版应答',
  ],
  [/^(\S+) has errors: mend it first$/, '{0} 有错误：请先修正'],
  [/^(\S+) cannot be read$/, '无法读取 {0}'],
  [/^the file would have errors then$/, '那样文件会有错误'],
  [/^(.+) gets (\S+) by (.+), which stands further up: .+$/, '{0} 由更靠前的 {2} 得到 {1}：先在那里移除'],
  [
    /^open pages of (\S+) would cross: (\S+) answers them from (.+) now, and would from (.+)$/,
    '{0} 已打开的页面会串版本：{1} 现在由 {2} 应答，之后将由 {3} 应答',
  ],
  [/^The file changed since the preview$/, '预览之后文件又有改动'],
]

/** Without the option that the command line names behind some: here it is a field. */
export function verbText(text) {
  return translated(sentences, text.replace(/ \(--[a-z]+\)$/, ''))
}
