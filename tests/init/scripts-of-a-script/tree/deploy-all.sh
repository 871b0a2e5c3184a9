#!/bin/sh
kubectl apply -f store/
for part in orders menu
do
  cd $part
  sh deploy.sh
  cd ..
done
