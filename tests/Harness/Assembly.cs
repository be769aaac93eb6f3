using AuthMesh.Tests.Harness;

[assembly: AssemblyFixture(typeof(ProductionMesh))]
[assembly: TestFramework(typeof(RandomOrder))]
[assembly: TestCollectionOrderer(typeof(RandomOrder))]
[assembly: TestCaseOrderer(typeof(RandomOrder))]
