module fixtures

go 1.22

require github.com/influxdata/influxdb v1.8.10
