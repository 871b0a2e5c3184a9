# The page; its context is the directory of its sources.
FROM node:20-alpine AS build
WORKDIR /srv
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev
COPY index.html tsconfig.json vite.config.ts ./
COPY public public
COPY src src
RUN npm run build

FROM nginx:alpine
COPY nginx /srv/nginx
COPY --from=build /srv/dist /usr/share/nginx/html
ENV LISTEN=3000
USER 1001:1001
EXPOSE 3000
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/srv/nginx/start-nginx"]
CMD []
