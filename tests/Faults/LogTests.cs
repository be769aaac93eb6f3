using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Faults;

[Collection<TakingTurns>]
public sealed class LogTests(OwnMesh mesh)
{
    [Fact]
    public async Task No_log_holds_a_password_or_a_token_whatever_happened_to_the_request()
    {
        await mesh.WholeAsync();
        var (name, password, wrong) = (ProductionMesh.NewName(), $"right-{Guid.NewGuid():N}", $"wrong-{Guid.NewGuid():N}");

        // 1. All goes well, or is refused.
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, password)).Status);
        Assert.Equal(409, (await mesh.Gateway.RegisterAsync(name, password)).Status);
        var token = await mesh.Gateway.TokenAsync(name, password);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, wrong)).Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(password, wrong)).Status); // typed into the wrong field
        Assert.Equal(400, (await mesh.Gateway.PostRawAsync("/login", $$"""{"username":"{{name}}","password":"{{password}}","{{wrong}}":1}""")).Status);
        Assert.Equal(400, (await mesh.Gateway.PostRawAsync("/register", $$"""{"username":"{{name}}","password":"{{password}}" {{wrong}}""")).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", token)).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync($"/protected?access_token={token}", token)).Status);
        Assert.Equal(403, (await mesh.Gateway.GetAsync("/admin", token)).Status);
        Assert.Equal(401, (await mesh.Gateway.GetAsync("/admin", token[..^8] + "AAAAAAAA")).Status);
        Assert.Equal(404, (await mesh.Gateway.GetAsync($"/nothing/{token}?password={password}", token)).Status);

        // 2. A part is away, which is when exceptions are logged.
        await mesh.Postgres.KillAsync();
        Assert.Equal(503, (await mesh.Gateway.LoginAsync(name, password)).Status);
        Assert.Equal(503, (await mesh.Gateway.RegisterAsync(ProductionMesh.NewName(), password)).Status);
        await mesh.Postgres.StartAgainAsync();
        mesh.Mesh.Identity.Kill();
        mesh.Mesh.Resource.Kill();
        await Task.WhenAll(mesh.Mesh.Identity.Exited, mesh.Mesh.Resource.Exited);
        Assert.Equal(503, (await mesh.Gateway.LoginAsync(name, password)).Status);
        Assert.Equal(503, (await mesh.Gateway.GetAsync($"/protected?access_token={token}", token)).Status);
        await mesh.WholeAsync();

        var userId = await mesh.Database.ScalarAsync<Guid>("SELECT id FROM users WHERE normalized_username = $1", name);
        Assert.Contains($"User {userId} signed in", mesh.Mesh.Identity.Output, StringComparison.Ordinal); // the right file, and it says what matters
        var secrets = new[] { password, wrong, token, token.Split('.')[1], token.Split('.')[2] };
        var logs = mesh.Mesh.Services.Select(service => (service.Name, Text: service.Output))
            .Append((Name: "PostgreSQL", Text: await File.ReadAllTextAsync(mesh.Postgres.LogFile, TestContext.Current.CancellationToken)));
        Assert.All(logs, log =>
        {
            Assert.NotEmpty(log.Text);
            Assert.All(secrets, secret => Assert.DoesNotContain(secret, log.Text, StringComparison.Ordinal));
        });
    }
}
