#!/bin/sh
# Builds kapacitord from its Go module into ~/go/bin, for the test of examples/kapacitor. Its module cannot be built by
# `go install`: it replaces modules, and one of them, as old as it is, panics under a newer Go.
set -eu
command -v kapacitord >/dev/null || [ -x "$HOME/go/bin/kapacitord" ] && exit 0

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >go.mod <<'END'
module kapacitord
go 1.21
require github.com/influxdata/kapacitor v1.5.9
replace gopkg.in/fsnotify.v1 => github.com/fsnotify/fsnotify v1.4.2
replace github.com/prometheus/prometheus => github.com/goller/prometheus v1.6.1-0.20170502220046-58298e738211
END
module=github.com/ugorji/go@v0.0.0-20170312112114-708a42d24682
go mod download "$module"
cp -r "$(go env GOMODCACHE)/$module" ugorji
chmod -R u+w ugorji
# An alphabet with a symbol twice.
sed -i 's/0123456789__"/0123456789-_"/' ugorji/codec/gen.go
echo "module github.com/ugorji/go" >ugorji/go.mod
echo "replace github.com/ugorji/go => ./ugorji" >>go.mod
go build -mod=mod -o kapacitord github.com/influxdata/kapacitor/cmd/kapacitord
mkdir -p "$HOME/go/bin"
mv kapacitord "$HOME/go/bin/"
