using System.Text.Json;
using AuthMesh.OpenApi;
using AuthMesh.Tests.Conventions.Documentation;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenApi;

/// <summary>The committed OpenAPI documents are those of the code, and describe every endpoint.</summary>
public sealed class DescriptionTests(ProductionMesh mesh)
{
    public static TheoryData<string> Files => [.. Description.All.Select(description => description.File)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task The_file_is_that_of_the_code(string file)
    {
        var made = await Description.All.Single(description => description.File == file).MakeAsync();

        Assert.True(SourceTree.Read(file) == made, $"{file} is not that of the code: dotnet run --project openapi");
    }

    [Fact]
    public void Both_documents_describe_every_endpoint_that_the_page_lists() => Assert.Equal(
        new Page("docs/api.md").Rows(title => title.StartsWith("for ", StringComparison.Ordinal)).Select(row => Page.Code(row[0]).Single())
        .Except(["GET /health/live", "GET /health/ready", "GET /.well-known/oauth-protected-resource/{path}"]) // the gateway's own
        .Except(["GET /openapi/identity.json", "GET /openapi/resource.json", "GET /docs/{file?}"]) // for them
        .Order(StringComparer.Ordinal),
        Contract.Operations.Select(operation => operation.Name).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("/openapi/identity.json", "identity-service/openapi.json")]
    [InlineData("/openapi/resource.json", "resource-service/openapi.json")]
    public async Task The_mesh_serves_the_file(string path, string file)
    {
        var answer = await mesh.Gateway.GetAsync(path);

        Assert.Equal((200, SourceTree.Read(file)), (answer.Status, answer.Text));
        Assert.Equal("application/json", answer.ContentHeaders.ContentType?.MediaType);
        Assert.Equal("public, max-age=300", answer.Header("Cache-Control"));
        Assert.Equal("3.1.1", JsonElement.Parse(answer.Text).GetProperty("openapi").GetString());

        var known = await mesh.Gateway.SendAsync(
            HttpMethod.Get, path, change: request => request.Headers.TryAddWithoutValidation("If-None-Match", answer.Header("ETag")));
        Assert.Equal((304, ""), (known.Status, known.Text));
    }
}
