"""The look of the report: one column, the reader's own fonts, readable on a phone and on paper."""

CSS = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --wash: #f4f6f9; --accent: #0b6bb5; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans",
  "Noto Sans CJK SC", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; }
.soft, figcaption, .notes { color: var(--soft); font-size: .875rem; }
.headline { font-size: 1.15rem; }
.headline strong { font-size: 1.7rem; color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .2rem .9rem; font-size: .875rem; }
a { color: var(--accent); }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
td { white-space: nowrap; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
.left { text-align: left; }
th:first-child { text-align: left; padding-left: 0; font-weight: 500; }
tbody th { min-width: 6.5rem; max-width: 18rem; overflow-wrap: anywhere; unicode-bidi: isolate; }
.metrics tr.primary > * { font-weight: 700; }
.words td { text-align: left; white-space: normal; min-width: 9rem; }
.confusion td, .confusion thead th {
  text-align: center; padding: .3rem .5rem; min-width: 2.6rem; border: 1px solid #fff; }
.confusion thead th:first-child { text-align: left; padding-left: 0; }
.bar { display: inline-block; height: .7em; background: var(--accent); border-radius: 2px; min-width: 1px; }
.bar.still { background: #c3ccd6; }
.pairs { margin: .4rem 0; }
.pairs div { display: grid; grid-template-columns: 11rem 1fr; gap: .8rem; padding: .2rem 0;
  border-bottom: 1px solid var(--line); }
.pairs dt { color: var(--soft); } .pairs dd { margin: 0; unicode-bidi: isolate; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1.2rem; }
figure { margin: 0; min-width: 0; } figure svg { display: block; width: 100%; max-width: 34rem; height: auto; }
svg text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: .15rem .9rem; font-size: .8rem; margin-top: .3rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .35em; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); gap: .8rem; }
.cards.texts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.card { border: 1px solid var(--line); border-radius: 6px; padding: .6rem; font-size: .85rem; min-width: 0; }
.card img { display: block; width: 100%; height: 8rem; object-fit: contain;
  background: var(--wash); margin-bottom: .4rem; }
.card img.tiny { image-rendering: pixelated; }
.card div { unicode-bidi: isolate; }
.card blockquote { margin: 0 0 .4rem; padding-left: .6rem; border-left: 3px solid var(--line); }
pre { background: var(--wash); padding: .8rem; border-radius: 6px; overflow-x: auto; font-size: .82rem;
  line-height: 1.4; overflow-wrap: normal; }
summary { cursor: pointer; color: var(--accent); }
@media (max-width: 40rem) {
  main { padding: .6rem .8rem 3rem; } h1 { font-size: 1.3rem; }
  .pairs div { grid-template-columns: 1fr; gap: 0; }
  th, td { padding: .25rem .45rem; }
}
@media print { nav { display: none; } h2 { break-after: avoid; } figure, .card { break-inside: avoid; } }
"""
