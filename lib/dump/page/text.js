// Texts and elements. What a graph file holds reaches the page as text only, never as markup, and each piece is
// isolated from the writing direction of what stands around it.

const $ = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text nodes. Values that are functions become listeners. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null && child !== false));
  return made;
}

/** A text of the file's as an element of its own direction. */
const data = (text) => el("bdi", {}, visible(text));

const directional = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const control = /[\u0000-\u001f\u007f]/g;

/** Control characters as their pictures, marks of direction by their number: nothing hides in a name. */
function visible(text) {
  return String(text)
    .replace(control, (c) => String.fromCharCode(c === "\u007f" ? 0x2421 : 0x2400 + c.charCodeAt(0)))
    .replace(directional, (c) => "\u27e8" + c.charCodeAt(0).toString(16).toUpperCase() + "\u27e9");
}

/** For a canvas: at most `limit` characters, isolated. */
function isolated(text, limit) {
  const shown = Array.from(visible(text));
  const short = shown.length > limit ? shown.slice(0, Math.max(1, limit - 1)).join("") + "\u2026" : shown.join("");
  return "\u2068" + short + "\u2069";
}

function numberText(value, digits = 3) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "\u221e" : "\u2212\u221e";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) return String(Number(value.toPrecision(digits))).replace("-", "\u2212");
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${Number(mantissa)}e${Number(exponent)}`.replaceAll("-", "\u2212");
}

/** A gradient norm; below zero: not known. */
const normText = (norm) => (norm < 0 ? "not known" : numberText(norm, 4));

function scaled(value, unit, space) {
  const prefixes = ["", "k", "M", "G", "T", "P"];
  let at = 0;
  while (Math.abs(value) >= 999.5 && at < prefixes.length - 1) {
    value /= 1000;
    at++;
  }
  return Number(value.toPrecision(3)) + space + prefixes[at] + unit;
}
const bytesText = (bytes) => (bytes < 1000 ? `${bytes} bytes` : scaled(bytes, "B", " "));
const countText = (count) => (count < 10000 ? String(count) : scaled(count, "", ""));
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const flopsText = (flops) => scaled(flops, "FLOP", " ");
const shapeText = (shape) => "[" + shape.join("\u202f\u00d7\u202f") + "]";

/** 12 as a subscript. */
const subscript = (number) =>
  String(number).replace(/[0-9-]/g, (c) => (c === "-" ? "\u208b" : String.fromCharCode(0x2080 + Number(c))));

/** The last part of a scope, or of a dotted name. */
const lastPart = (name, separator = "/") => name.slice(name.lastIndexOf(separator) + 1) || name;

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** Calls at most once a frame, however often it is asked. */
function framed(call) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      call();
    });
  };
}
