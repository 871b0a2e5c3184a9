FROM nginx:1.29
COPY pages/index.html /usr/share/nginx/html/
