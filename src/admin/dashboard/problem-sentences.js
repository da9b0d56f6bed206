// What is wrong with a file, and what the admin server refuses. The YAML parser's own messages, and the rarer ones of ours, stay English.

import { translated } from './sentences.js'

const problems = [
  // file:line:column: severity code: text
  [/^(.+:\d+:\d+): error (\S+): (.+)$/, '{0}：错误 {1}：<2>'],
  [/^(.+:\d+:\d+): warning (\S+): (.+)$/, '{0}：警告 {1}：<2>'],
  [/^(.+:\d+:\d+): info (\S+): (.+)$/, '{0}：提示 {1}：<2>'],

  [/^(.+) \(did you mean (.+)\?\)$/, '<0>（是否想写 {1}？）'],
  [/^unknown key (".*")$/, '未知的键 {0}'],
  [/^version (".*") is not listed$/, '没有列出版本 {0}'],
  [/^service (".*") is not listed$/, '没有列出服务 {0}'],
  [/^(\S+) is missing$/, '缺少 {0}'],
  [/^(".*") is there already \(line (\d+)\)$/, '{0} 重复（第 {1} 行已有）'],
  [/^a gray rule needs one of (.+) and (\S+)$/, '灰度规则需要 {0}、{1} 之一'],
  [
    /^a gray rule holds one of (.+) and (\S+), not (.+) and (\S+): make it (\d+) rules$/,
    '灰度规则只能有 {0}、{1} 之一，不能同时有 {2} 和 {3}：请拆成 {4} 条规则',
  ],
  [/^a share is a percentage: write (.+)$/, '比例要写成百分比：{0}'],
  [/^(".*") is not an address or CIDR$/, '{0} 不是地址或 CIDR'],
  [/^(".*") is all of (\S+): write that, or the address alone$/, '{0} 是整个 {1}：请写后者，或只写地址'],
  [/^(\S+): (".*") is not a duration such as (.+) or (\S+)$/, '{0}：{1} 不是时长，例如 {2} 或 {3}'],
  [/^(".*"): port (\d+) is not between (\d+) and (\d+)$/, '{0}：端口 {1} 不在 {2} 到 {3} 之间'],
  [/^(.+): there is no such file$/, '{0}：没有这个文件'],
  [/^the environment variable (\S+) is not set$/, '没有设置环境变量 {0}'],
  [/^no pin\.keys: .+$/, '没有 pin.keys：使用随机密钥，会话标记随进程结束而失效，其他网关也无法读取'],
  [/^(\S+) is stable: everyone whom no rule takes goes there$/, '{0} 是稳定版：没有规则命中的人都去那里'],
  [
    /^(https?:\S+) is the listener of line (\d+): requests of (\S+) would .+$/,
    '{0} 就是第 {1} 行的监听端口：{2} 的请求会回到这里，然后被拒绝（508）',
  ],

  // src/rules/lint.ts
  [/^gray rule (\S+)$/, '灰度规则 {0}'],
  [/^the gray rule of line (\d+)$/, '第 {0} 行的灰度规则'],
  [
    /^(.+) can never fire: (.+) above takes? all of its visitors, to the same version: take it out$/,
    '<0>不会命中：上方的规则（<1>）已把它的访客带到同一版本：请删除它',
  ],
  [
    /^(.+) can never fire: (.+) above takes? all of its visitors, to (\S+): put it in front$/,
    '<0>不会命中：上方的规则（<1>）已把它的访客带到 {2}：请把它移到前面',
  ],
  [/^(.+) draws visitors to stable, .+$/, '<0>把访客抽到稳定版，他们本来就在那里：请删除它'],
  [/^(.+) has a share of 0% and draws nobody: .+$/, '<0>的比例是 0%，不抽取任何人：请调高或删除它'],
  [/^(.+) lists no user, so it can never fire$/, '<0>没有列出用户，不会命中'],
  [/^this match of (.+) can never hold: (.+)$/, '<0>的这个匹配不会成立：<1>'],
  [/^(.+) can never fire: (.+)$/, '<0>不会命中：<1>'],
  [/^callers with sourceLabels come in .+$/, '带 sourceLabels 的调用方来自内部监听端口，那里不查灰度规则'],
  [/^its list of addresses is empty$/, '它的地址列表是空的'],
  [/^(\S+) is set by the edge and never believed .+$/, '{0} 由边缘写入，从不相信外部的值：请用另一个请求头'],
  [/^uri is the path without its query: .+$/, 'uri 是不含查询串的路径：? 之后的内容请写在 queryParams 下'],
  [/^a path begins with a slash: write (\S+)$/, '路径以斜杠开头：请写 {0}'],
  [
    /^service (\S+) gets no request: (\S+) above .+$/,
    '服务 {0} 得不到请求：上方的 {1} 全部取走；首个匹配生效，请把它移到前面',
  ],
  [/^version (\S+) has the pools of (\S+): .+$/, '版本 {0} 与 {1} 的池相同：同一个构建用了两个名字'],
]

const refusals = [
  [/^This Host is not one of the admin server: .+$/, '这个 Host 不属于管理端口：请用它的地址访问'],
  [/^Pages of other origins may not use the admin server$/, '其他来源的页面不能使用管理端口'],
  [/^A bearer token is required$/, '需要令牌（Bearer）'],
  [/^There is no such page$/, '没有这个页面'],
  [/^ip: (".*") is no IP address$/, 'ip：{0} 不是 IP 地址'],
  [/^listener: there is no (.+), but (.+)$/, '没有监听端口 {0}，只有 {1}'],
  [/^port: nothing listens at (\S+), but at (.+)$/, '端口 {0} 上没有监听，只有 {1}'],
  [/^Failed to fetch$/, '连接不上网关'],
  ...problems,
]

/** A line as `check` prints it, or only its text. */
export function problemText(line) {
  return translated(problems, line)
}

export function refusalText(title) {
  return translated(refusals, title)
}
