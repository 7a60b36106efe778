// The one style sheet. Three sizes of one family, one accent for data, red for failures alone; print is black on white.

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fff; --ink: #15181d; --muted: #5a6270; --rule: #dfe2e7; --faint: #f3f4f7;
  --pass: #15773f; --fail: #c5162e; --open: #8a5a00; --na: #69707d; --data: #2456c9; --data-soft: #2456c9;
  --small: .8125rem; --large: 2.75rem;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #111317; --ink: #e9ebee; --muted: #9ba3af; --rule: #2c313a; --faint: #1a1d23;
    --pass: #4fc586; --fail: #ff6b74; --open: #e3ad45; --na: #959dab; --data: #86abff; --data-soft: #6f97f5;
  }
}
* { box-sizing: border-box; }
html { background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; overflow-wrap: anywhere; }
main { max-width: 74rem; margin: 0 auto; padding: 3rem 2rem 5rem; }
h1, h2, h3, p, dl, dd, ol, figure, blockquote, pre { margin: 0; }
h2, h3 { font-size: 1rem; }
h2 { font-weight: 700; }
h3 { font-weight: 600; }
b { font-weight: 600; }
a { color: inherit; text-decoration-color: var(--muted); text-decoration-thickness: 1px; text-underline-offset: .2em; }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: 2px solid var(--data); outline-offset: 3px; }
code, pre { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
td, th, dd, dt, code { unicode-bidi: isolate; }
.muted, cite, summary, caption, thead th { color: var(--muted); font-size: var(--small); }
.id { font-weight: 600; font-variant-numeric: tabular-nums; text-decoration: none; white-space: nowrap; }
th > .id { white-space: normal; overflow-wrap: anywhere; }
a.id:hover { text-decoration: underline; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.phone { display: none; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

/* Marks: a shape for every outcome. */
.mark { width: 1em; height: 1em; flex: none; vertical-align: -.125em; fill: none; }
.mark .solid { fill: currentColor; }
.mark .cut { stroke: var(--page); stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
.mark .open { stroke: currentColor; stroke-width: 1.3; stroke-linecap: round; stroke-linejoin: round; }
.mark .dotted { stroke-dasharray: .1 2.7; }
.outcome { white-space: nowrap; font-weight: 600; }
h1.pass, .outcome.pass { color: var(--pass); }
h1.fail, .outcome.fail { color: var(--fail); }
h1.not-verified, .outcome.not-verified { color: var(--open); }
.outcome.not-applicable { color: var(--na); }
.outcome.none { color: var(--muted); font-weight: 400; }

/* First screen. */
header > * + * { margin-top: 1.5rem; }
.verdict { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 2.5rem; }
h1 { display: flex; align-items: center; gap: .3em; font-size: var(--large); line-height: 1; font-weight: 750; letter-spacing: -.02em; white-space: nowrap; }
h1 .mark { width: .95em; height: .95em; }
.about { flex: 1 1 24rem; }
.because, .limits-of-run, .warning, .open-list, .prose { max-width: 44rem; }
.because { font-weight: 600; }
.because + .limits-of-run { margin-top: .25rem; }
.warning { border-left: 4px solid var(--open); padding: .15rem 0 .15rem 1rem; }
.warning b { color: var(--open); }
.blockers { list-style: none; counter-reset: blocker; padding: 0; border-top: 2px solid var(--fail); }
.blockers li { border-bottom: 1px solid var(--rule); }
.blockers a { display: grid; grid-template-columns: 4.5rem 1fr auto; gap: 0 .5rem; padding: .55rem 0; text-decoration: none; }
.blockers a::after { content: "\\2193"; color: var(--muted); }
.blockers .id { color: var(--fail); }
.blockers a:hover span + span { text-decoration: underline; text-decoration-thickness: 1px; }
.counts { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.75rem; }
.counts + .muted { margin-top: .25rem; }
.open-list dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; margin-top: .35rem; font-size: var(--small); }
.open-list dt { font-weight: 600; }
.remedy { color: var(--muted); }
h2.small { font-size: var(--small); color: var(--open); }

/* Sections. */
section { margin-top: 4rem; }
section > h2 { border-top: 2px solid var(--ink); padding-top: .6rem; margin-bottom: 1.25rem; }
article + article { margin-top: 2.5rem; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) 16rem; gap: 1rem 3rem; margin-top: .35rem; }
.prose > * + * { margin-top: .75rem; }
blockquote { color: var(--muted); font-size: var(--small); border-left: 2px solid var(--rule); padding-left: .75rem; max-width: 44rem; }
cite { font-style: normal; }
cite::before { content: "\\2014\\00a0"; }

/* Tables. */
table { border-collapse: collapse; width: 100%; font-size: var(--small); line-height: 1.45; }
caption { text-align: left; padding: 0 0 .4rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem 1.25rem .45rem 0; font-weight: 400; }
th:last-child, td:last-child { padding-right: 0; }
thead th { border-bottom: 1px solid var(--rule); vertical-align: bottom; }
tbody td, tbody th { border-bottom: 1px solid var(--rule); }
* + table, * + .scroll { margin-top: 1.5rem; }
caption.unseen + thead th { padding-top: 0; }
.rows { table-layout: fixed; margin-top: 0; }
.rows > thead > tr > th:nth-child(1) { width: 9rem; }
.rows > thead > tr > th:nth-child(2) { width: 5.5rem; }
.rows > thead > tr > th:nth-child(4) { width: 15rem; }
.rows > thead > tr > th:nth-child(5) { width: 5rem; }
.rows > thead > tr > th:nth-child(6) { width: 4.75rem; }
.rows > thead > tr > th:nth-child(7) { width: 7.5rem; }
.rows > tbody > tr > td, .rows > tbody > tr > th { border: 0; padding-top: .8rem; padding-bottom: 0; }
.rows > tbody > tr.more > td { border-bottom: 1px solid var(--rule); padding-top: .3rem; padding-bottom: .8rem; }
.rows > .part > tr > th { font-weight: 600; font-size: 1rem; padding: 2.25rem 0 .4rem; border-bottom: 1px solid var(--rule); }
.rows > thead + .part > tr > th { padding-top: 1rem; }
.findings { table-layout: fixed; }
.findings > thead > tr > th:nth-child(1) { width: 8.5rem; }
.findings > thead > tr > th:nth-child(3) { width: 15rem; }
.findings > thead > tr > th:nth-child(4) { width: 5rem; }
.rows > tbody > tr > .what b { font-size: 1rem; line-height: 1.4; }
tbody:target > tr { background: var(--faint); }
.scroll { position: relative; overflow-x: auto; }
.scroll table { width: auto; min-width: min(30rem, 100%); overflow-wrap: break-word; }
.scroll td, .scroll th { max-width: 28rem; }
.scroll .matrix td { padding-right: .9rem; }
.findings pre { margin-top: .5rem; padding: .5rem .7rem; overflow-wrap: anywhere; }
.comparison { display: grid; gap: .15rem; max-width: 16rem; }
.comparison b { font-variant-numeric: tabular-nums; }
.moved { color: var(--open); }
.bar { display: block; width: 100%; max-width: 12rem; height: auto; }
.bar .track { fill: var(--rule); }
.bar .fill { fill: var(--na); }
.bar.pass .fill { fill: var(--pass); }
.bar.fail .fill { fill: var(--fail); }
.bar .tick { stroke: var(--ink); stroke-width: 1.5; }
summary { cursor: pointer; width: fit-content; }
details > * + * { margin-top: .75rem; }
details[open] > :last-child { margin-bottom: .25rem; }

/* Pictures. */
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 2rem 3rem; margin-top: 1rem; }
/* Captions share a row and pictures share a row, so that the pictures stand on one line. */
figure { display: grid; grid-row: span 2; grid-template-rows: subgrid; gap: .6rem; }
.figures > figure:only-child { grid-column: 1 / -1; max-width: 44rem; }
figcaption { line-height: 1.4; }
.chart { display: block; width: 100%; height: auto; overflow: visible; font-size: 13px; }
.chart text { fill: var(--muted); font-size: 13px; font-variant-numeric: tabular-nums; }
.chart path { fill: none; }
.grid { stroke: var(--rule); stroke-width: 1; }
.dots circle { fill: var(--data-soft); fill-opacity: .4; }
.dots.dense circle { fill-opacity: .22; }
.dots circle:hover, .dots.dense circle:hover { fill-opacity: 1; }
.bars rect { fill: var(--data-soft); fill-opacity: .6; }
.bars rect:hover { fill-opacity: 1; }
.lanes .failed { stroke: none; fill: var(--fail); fill-opacity: .85; }
.lanes .trend { stroke-width: 1.5; }
.window { fill: var(--ink); fill-opacity: .07; }
.trend { stroke: var(--data); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.trend.p99 { stroke-dasharray: 1 4; }
.limit { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 6 4; }
.mark-line { stroke: var(--data); stroke-width: 1.5; }
.chart .limit-name { fill: var(--ink); font-weight: 600; }
.chart .trend-name, .chart .where { fill: var(--data); }
.window ~ .where { fill: var(--muted); }
.failed { stroke: var(--fail); stroke-width: 2; stroke-linecap: round; }
.chart .limit-name, .chart .trend-name, .chart .where { paint-order: stroke; stroke: var(--page); stroke-width: 3px; stroke-linejoin: round; }

/* Facts. */
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 2rem; font-size: var(--small); }
.facts dt { color: var(--muted); }
* + pre, pre + p, .scroll + p { margin-top: .75rem; }
h3.small { font-size: var(--small); font-weight: 400; color: var(--muted); }
* + h3.small { margin-top: 1.5rem; }
h3.small + * { margin-top: .4rem; }
section > h2 + pre { margin-top: 0; }
pre { background: var(--faint); padding: .9rem 1.1rem; white-space: pre-wrap; user-select: all; }

@media screen and (max-width: 46rem) {
  main { padding: 1.5rem 1rem 3rem; }
  section { margin-top: 3rem; }
  .about { flex-basis: 100%; }
  .pair, .figures, .facts { grid-template-columns: minmax(0, 1fr); }
  .facts { gap: 0; }
  .facts dd + dt { margin-top: .5rem; }
  .blockers a { grid-template-columns: 3.2rem 1fr auto; }
  .chart text { font-size: 17px; }
  .told, .told > tbody, .told > caption { display: block; }
  .told > thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .told > tbody > tr { display: flex; flex-wrap: wrap; gap: .1rem .9rem; padding: .55rem 0; border-bottom: 1px solid var(--rule); }
  .scroll .told > tbody > tr > td { display: block; max-width: 100%; padding: 0; border: 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
  .told > tbody > tr > td:empty { display: none; }
  .told > tbody > tr > td:not([data-label=""])::before { content: attr(data-label) "\\2002"; color: var(--muted); }
}

/* One check under the other where seven columns do not fit. */
@media screen and (max-width: 64rem) {
  .phone { display: inline; }
  /* Outcome and id on a line, then what, then the numbers. */
  .rows, .rows > tbody, .findings, .findings > tbody { display: block; }
  .rows > thead, .findings > thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .rows > tbody > tr, .findings > tbody > tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .9rem; }
  .rows > tbody > tr > *, .findings > tbody > tr > * { display: block; padding: 0 !important; border: 0; }
  .rows > tbody > tr > td:empty, .findings > tbody > tr > td:empty, .rows > tbody > tr.more > td:first-child { display: none; }
  .rows > tbody { border-bottom: 1px solid var(--rule); padding: .9rem 0; }
  .rows > tbody > tr.more { padding-top: .4rem; }
  .rows > .part { border: 0; padding: 1.5rem 0 0; }
  .rows > .part > tr > th { width: 100%; border-bottom: 1px solid var(--rule); padding-bottom: .4rem !important; }
  .rows, .findings { table-layout: auto; }
  .rows > tbody > tr.more > td { border: 0; width: 100%; }
  .findings > tbody > tr { border-top: 1px solid var(--rule); padding: .6rem 0; }
  .rows > tbody > tr > .what, .rows > tbody > tr > .measure, .findings .what, .findings .measure { width: 100%; }
  .bar { max-width: 16rem; }
}

@media print {
  :root {
    --page: #fff; --ink: #000; --muted: #444; --rule: #bbb; --faint: #fff;
    --pass: #000; --fail: #000; --open: #000; --na: #000; --data: #000; --data-soft: #000;
  }
  @page { margin: 16mm 14mm; }
  html { font-size: 9.5pt; }
  main { max-width: none; padding: 0; }
  section { break-before: page; margin-top: 0; }
  section:has(> .facts), #again { break-before: auto; margin-top: 2rem; }
  h2, h3, caption, figcaption, thead { break-after: avoid; }
  tr, figure, .warning, li, dd { break-inside: avoid; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  summary { list-style: none; }
  summary::-webkit-details-marker { display: none; }
  a { text-decoration: none; }
  pre { border: 1px solid var(--rule); }
  .blockers a::after { content: none; }
  .rows > thead > tr > th:nth-child(1) { width: 8.25rem; }
  .rows > thead > tr > th:nth-child(2) { width: 4.25rem; }
  .rows > thead > tr > th:nth-child(4) { width: 11.5rem; }
  .rows > thead > tr > th:nth-child(5) { width: 4rem; }
  .rows > thead > tr > th:nth-child(6) { width: 4.75rem; }
  .rows > thead > tr > th:nth-child(7) { width: 5.25rem; }
  .findings > thead > tr > th:nth-child(1) { width: 7rem; }
  .findings > thead > tr > th:nth-child(3) { width: 12rem; }
  .findings > thead > tr > th:nth-child(4) { width: 4rem; }
  th, td { padding-right: .75rem; }
  .scroll { overflow: visible; }
  .scroll table { overflow-wrap: anywhere; }
  .bar .fill, .bar .track, .bars rect, .dots circle, .window { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`
