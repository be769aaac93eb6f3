using AuthMesh.Tests.Harness;

[assembly: AssemblyFixture(typeof(ProductionMesh))]
