// The language of the search box. Terms are joined by & (or a space), |, ! and brackets: op=matmul & t=3
// param=W_hh*     scope~enc.*l0     grad<1e-6     bytes>=1k     /slice|concat/     tanh A word alone is looked for in
// op, scope, parameter and shape; * stands for anything; ~ and /.../ take patterns.

class QueryError extends Error {}

const MULTIPLES = {k: 1e3, M: 1e6, G: 1e9};
const numberOf = (text) => {
  const match = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)([kMG]?)B?$/i.exec(text);
  return match ? Number(match[1]) * (MULTIPLES[match[2]] ?? 1) : NaN;
};

function textTest(operator, value) {
  if (operator === "~") {
    try {
      const pattern = new RegExp(value, "i");
      return (text) => pattern.test(text);
    } catch {
      throw new QueryError(`“${value}” is not a pattern`);
    }
  }
  if (!value.includes("*")) return (text) => text === value;
  const parts = value.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp("^" + parts.join("[^]*") + "$");
  return (text) => pattern.test(text);
}

function numberTest(operator, value) {
  const range = /^(-?\d+)(?:\.\.|:|-|…)(-?\d+)$/.exec(value);
  if (range && operator === "=") return (n) => n >= Number(range[1]) && n <= Number(range[2]);
  if (value === "nan") return (n) => Number.isNaN(n);
  const number = value === "inf" ? Infinity : numberOf(value);
  if (Number.isNaN(number)) throw new QueryError(`“${value}” is not a number`);
  if (operator === "~") throw new QueryError("a number takes =, < or >, not a pattern");
  return (
    {
      "=": (n) => n === number,
      "<": (n) => n < number,
      ">": (n) => n > number,
      "<=": (n) => n <= number,
      ">=": (n) => n >= number,
    }[operator] ?? (() => false)
  );
}

/** What a key asks of node i. */
const KEYS = {
  op: {text: (f, i) => f.graph.opName(i)},
  scope: {text: (f, i) => f.graph.scopeName(i)},
  file: {text: (f, i) => f.graph.texts[f.graph.source[i]]},
  shape: {text: (f, i) => f.graph.shapeList(i).join("x")},
  role: {text: (f, i) => Object.keys(ROLE)[f.role[i]]},
  param: {
    texts: (f, i) =>
      [...f.parametersOf(i), ...(f.graph.parameter[i] >= 0 ? [f.graph.parameter[i]] : [])].flatMap((p) => {
        const {name} = f.graph.parameters[p];
        return [name, lastPart(name, ".")];
      }),
  },
  t: {number: (f, i) => f.graph.step[i]},
  id: {number: (f, i) => i},
  line: {number: (f, i) => f.graph.line[i]},
  bytes: {number: (f, i) => f.graph.bytes[i]},
  saved: {number: (f, i) => f.graph.saved[i]},
  flops: {number: (f, i) => f.graph.flops[i]},
  nonfinite: {number: (f, i) => f.graph.statistics?.nonfinite?.[i]},
  grad: {number: (f, i) => (f.graph.norm[i] < 0 ? undefined : f.graph.norm[i])},
};
Object.assign(KEYS, {step: KEYS.t, parameter: KEYS.param, gradnorm: KEYS.grad, norm: KEYS.grad});

function termTest(key, operator, value) {
  const negated = operator === "!=" || operator === "!~";
  const ask = KEYS[key.toLowerCase()];
  if (!ask) throw new QueryError(`no key “${key}”: ${Object.keys(KEYS).slice(0, 14).join(", ")}`);
  const plain = negated ? operator[1] : operator;
  let test;
  if (ask.number) {
    const holds = numberTest(plain, value);
    test = (f, i) => holds(ask.number(f, i));
  } else if (plain !== "=" && plain !== "~") {
    throw new QueryError(`${key} takes = or ~`);
  } else {
    const holds = textTest(plain, key === "shape" ? value.replace(/[[\] ]/g, "").replaceAll(/[,×]/g, "x") : value);
    test = ask.text ? (f, i) => holds(ask.text(f, i)) : (f, i) => ask.texts(f, i).some(holds);
  }
  return negated ? (f, i) => !test(f, i) : test;
}

function wordTest(word) {
  if (/^%\d+$/.test(word)) return termTest("id", "=", word.slice(1));
  const needle = word.toLowerCase(),
    holds = (text) => text.toLowerCase().includes(needle);
  return (f, i) =>
    holds(f.graph.opName(i)) ||
    holds(f.graph.scopeName(i)) ||
    KEYS.param.texts(f, i).some(holds) ||
    holds(KEYS.shape.text(f, i));
}
function patternTest(pattern) {
  const holds = textTest("~", pattern);
  return (f, i) => holds(f.graph.opName(i)) || holds(f.graph.scopeName(i)) || KEYS.param.texts(f, i).some(holds);
}

const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
const TOKEN = new RegExp(
  "\\s*(?:" +
    [
      "([&|()]|!(?![=~]))", // a sign
      "/((?:[^/\\\\]|\\\\.)+)/", // a pattern
      `([a-zA-Z]+)\\s*(!=|!~|<=|>=|=|<|>|~)\\s*(${QUOTED}|[^\\s&|()]+)`, // key, operator, value
      `(${QUOTED})`,
      '([^\\s&|()=<>~"]+)', // a word
    ].join("|") +
    ")",
  "y",
);
const unquote = (text) => (text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text);

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim()) {
    const at = TOKEN.lastIndex,
      match = TOKEN.exec(text);
    if (!match) throw new QueryError(`cannot read “${text.slice(at).trim()}”`);
    const [, sign, pattern, key, operator, value, quoted, word] = match;
    if (sign) found.push(sign);
    else if (pattern) found.push({test: patternTest(pattern)});
    else if (key) found.push({test: termTest(key, operator, unquote(value))});
    else found.push({test: wordTest(unquote(quoted ?? word))});
  }
  return found;
}

/** A test (facts, node) -> bool. Throws QueryError. */
function parseQuery(text) {
  const list = tokens(text);
  let at = 0;
  const either = () => {
    let left = both();
    while (list[at] === "|") {
      at++;
      const a = left,
        b = both();
      left = (f, i) => a(f, i) || b(f, i);
    }
    return left;
  };
  const both = () => {
    let left = one();
    while (at < list.length && list[at] !== "|" && list[at] !== ")") {
      if (list[at] === "&") at++;
      const a = left,
        b = one();
      left = (f, i) => a(f, i) && b(f, i);
    }
    return left;
  };
  const one = () => {
    const token = list[at++];
    if (token === "!") {
      const inner = one();
      return (f, i) => !inner(f, i);
    }
    if (token === "(") {
      const inner = either();
      if (list[at++] !== ")") throw new QueryError("a bracket is not closed");
      return inner;
    }
    if (!token?.test)
      throw new QueryError(token ? `nothing stands before “${token}”` : "something is missing at the end");
    return token.test;
  };
  const test = either();
  if (at < list.length) throw new QueryError("a bracket is not opened");
  return test;
}
