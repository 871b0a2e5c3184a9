/** The few drawings of the page; all decorative, so a screen reader never meets them. */

import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const Pencil = () => (
  <Icon>
    <path d="M4 20l1-4.5L15.8 4.7a1.8 1.8 0 0 1 2.5 0l1 1a1.8 1.8 0 0 1 0 2.5L8.5 19z" />
    <path d="M13.8 6.7l3.5 3.5" />
  </Icon>
);

export const Bin = () => (
  <Icon>
    <path d="M4.5 6.5h15M9.5 6V4h5v2M6.5 6.5l.9 13h9.2l.9-13M10 10.5v5.5M14 10.5v5.5" />
  </Icon>
);

export const Send = () => (
  <Icon>
    <path d="M12 19V5.5M6 11l6-6 6 6" />
  </Icon>
);

export const Logo = () => (
  <svg className="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path
      className="logo-bubble"
      d="M8 2h16a6 6 0 0 1 6 6v12a6 6 0 0 1-6 6h-9l-7 5v-5a6 6 0 0 1-6-6V8a6 6 0 0 1 6-6z"
    />
    <path className="logo-tick" d="M10 14.5l4.2 4.2L22.5 10" />
  </svg>
);
