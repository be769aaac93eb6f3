using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenApi;

[assembly: AssemblyFixture(typeof(ProductionMesh))]
[assembly: AssemblyFixture(typeof(EverythingWasSeen))]
[assembly: TestFramework(typeof(RandomOrder))]
[assembly: TestCollectionOrderer(typeof(RandomOrder))]
[assembly: TestCaseOrderer(typeof(RandomOrder))]
