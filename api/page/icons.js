// The drawings: shapes in a square box, in the colour of the text around them.

const line = { fill: "none", stroke: "currentColor", "stroke-width": "1.6" };
const path = (d, attributes = line) => ["path", { ...attributes, d }];

const DRAWINGS = {
  brand: {
    box: 24,
    shapes: [
      ["circle", {
        cx: 12, cy: 12, r: 9, fill: "none", stroke: "currentColor", "stroke-width": 3.4,
        "stroke-dasharray": "40 6.5", "stroke-dashoffset": -3, transform: "rotate(-62 12 12)",
      }],
      ["circle", { cx: 18.1, cy: 5.6, r: 2.6, class: "spark" }],
    ],
  },
  heart: {
    box: 16,
    shapes: [path("M8 13.4C4.6 11 2 8.8 2 6.2 2 4.4 3.4 3 5.1 3 6.3 3 7.4 3.7 8 4.7 8.6 3.7 9.7 3 10.9 3 12.6 3 14 4.4 14 6.2c0 2.6-2.6 4.8-6 7.2z", { ...line, "stroke-width": "1.5", fill: "" })],
  },
  comment: {
    box: 16,
    shapes: [path("M2.5 4.5a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v4.5a2 2 0 0 1-2 2H7l-3.2 2.6V11a1.6 1.6 0 0 1-1.3-1.6z", { ...line, "stroke-width": "1.5" })],
  },
  bell: { box: 16, shapes: [path("M3.5 11.5V7a4.5 4.5 0 0 1 9 0v4.5l1 1h-11z"), path("M6.6 14.2h2.8")] },
  check: { box: 16, shapes: [path("M3 8.5l3.4 3.4L13.2 4.5", { ...line, "stroke-width": "2" })] },
  wait: { box: 16, shapes: [["circle", { ...line, cx: 8, cy: 8, r: 5.6 }], path("M8 5v3.2l2.2 1.4")] },
  cross: { box: 16, shapes: [path("M4 4l8 8M12 4l-8 8", { ...line, "stroke-width": "2" })] },
  theme: {
    box: 18,
    shapes: [["circle", { ...line, cx: 9, cy: 9, r: 6.2 }], path("M9 2.8a6.2 6.2 0 0 1 0 12.4z", { fill: "currentColor" })],
  },
  sun: {
    box: 18,
    shapes: [["circle", { ...line, cx: 9, cy: 9, r: 3.4 }], path("M9 1.6v2M9 14.4v2M1.6 9h2M14.4 9h2M3.8 3.8l1.4 1.4M12.8 12.8l1.4 1.4M3.8 14.2l1.4-1.4M12.8 5.2l1.4-1.4")],
  },
  moon: { box: 18, shapes: [path("M14.6 11.2A6.4 6.4 0 0 1 6.8 3.4a6.4 6.4 0 1 0 7.8 7.8z")] },
  play: { box: 10, shapes: [path("M2 1l7 4-7 4z", { fill: "currentColor" })] },
};

/** The drawing of that name. */
export const drawing = (name) => DRAWINGS[name];
