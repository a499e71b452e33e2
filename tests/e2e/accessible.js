// What axe leaves out: texts in drawings with too little contrast (WCAG 2.1 AA), drawings without a
// name, and parts that scroll sideways but cannot be reached by the keyboard.
(() => {
  const found = [];
  const channels = color => color.match(/[\d.]+/g).map(Number);
  const luminance = rgb => {
    const [r, g, b] = rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const paper = node => {
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = channels(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const node = text.parentElement;
    if (!text.textContent.trim() || node.closest("script, style, option, .sr") || !node.checkVisibility()) continue;
    const style = getComputedStyle(node), inside = node.closest("svg");
    const [r, g, b] = channels(inside ? style.fill : style.color), under = paper(node);
    const [low, high] = [luminance([r, g, b]), luminance(under)].sort((x, y) => x - y);
    const contrast = (high + .05) / (low + .05), large = parseFloat(style.fontSize) >= 24;
    if (contrast < (large ? 3 : 4.5)) found.push(`contrast ${contrast.toFixed(2)}: ${text.textContent.trim().slice(0, 40)}`);
  }
  const named = node => node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.length;
  for (const node of document.querySelectorAll("svg, [tabindex]"))
    if (!named(node)) found.push(`no name: ${node.outerHTML.slice(0, 60)}`);
  for (const node of document.querySelectorAll("body *")) {
    const scrolls = /auto|scroll/.test(getComputedStyle(node).overflowX) && node.scrollWidth > node.clientWidth;
    if (scrolls && node.tabIndex < 0) found.push(`scrolls without keys: ${node.className}`);
  }
  return found;
})()
