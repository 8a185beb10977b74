#!/bin/sh
# What stands in for cargo where nothing is to be compiled. A function's `note`, and the page for serve-page, are put
# behind its executable: other bytes, the same program. One is always a copy: without its list of sources there is no
# receipt that a build could be saved by. `crashes` makes it one that ends at once, `broken` one that does not compile.
for function in register-client retrieve-messages store-message forward-messages notify-clients serve-page; do
  if [ -e functions/$function/broken ]; then
    echo "error: expected one of a few things in functions/$function" >&2
    exit 101
  fi
  executable=BUILT/$function
  note=$(cat functions/$function/note 2>/dev/null)
  [ $function = serve-page ] && note="$note$(cat web/index.html 2>/dev/null)"
  if [ -e functions/$function/crashes ]; then
    # An executable that ends at once, with 1.
    executable=/bin/false
  elif [ -n "$note" ] || [ $function = serve-page ]; then
    mkdir -p made
    (cat $executable; printf %s "$note") > made/$function.new
    mv made/$function.new made/$function
    executable=$PWD/made/$function
  fi
  echo '{"reason":"compiler-artifact","target":{"name":"'$function'"},"executable":"'$executable'"}'
done
echo '{"reason":"build-finished","success":true}'
