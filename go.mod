module github.com/socketmesh/mesh

go 1.26.0
