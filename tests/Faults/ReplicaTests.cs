using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Faults;

/// <summary>Identity services that start together on an empty database become one issuer.</summary>
public sealed class ReplicaTests(ProductionMesh production)
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Replicas_that_start_together_prepare_the_database_once_and_act_as_one_issuer(int replicas)
    {
        await using var own = await OwnDatabase.CreateEmptyAsync(production);
        await using var mesh = await Mesh.StartAsync(
            InProduction.On(own.Database.ConnectionString, own.Settings) with
            {
                Start = WithinThisProcess.StartAsync,
                IdentityReplicas = replicas,
            },
            TestContext.Current.CancellationToken);
        using var gateway = new Caller(mesh.Gateway);
        using var resource = new Caller(mesh.Resource);
        var identities = mesh.Identities.Select(replica => new Caller(replica)).ToList();

        // 1. Exactly one replica did each step.
        await Task.WhenAll(mesh.Identities.Select(replica => replica.UntilLoggedAsync("Schema, key ring and first users are in place")));
        var logs = string.Concat(mesh.Identities.Select(replica => replica.Output));
        foreach (var done in (string[])["Applied migrations", "Generated keys", "Created the first admin"])
        {
            Assert.Single(Regex.Matches(logs, done));
        }

        Assert.Equal(replicas, Regex.Count(logs, "Schema, key ring and first users are in place"));
        Assert.Equal("Pepper Current, RefreshToken Current, Seal Current, Signing Announced, Signing Current",
            await own.Database.ScalarAsync<string>(
                "SELECT string_agg(purpose || ' ' || state, ', ' ORDER BY purpose, state) FROM ring_keys"));
        Assert.Equal("admin admin", await own.Database.ScalarAsync<string>("SELECT string_agg(username || ' ' || role, ', ') FROM users"));
        var password = (await File.ReadAllTextAsync(own.FileIn("generated-password"), TestContext.Current.CancellationToken)).TrimEnd();

        // 2. All replicas publish the same keys, and every verifier accepts each replica's tokens.
        var keySets = await Task.WhenAll(identities.Append(gateway).Select(identity => identity.GetAsync("/.well-known/jwks.json")));
        Assert.Single(keySets.Select(keys => keys.Text).Distinct());
        foreach (var identity in identities)
        {
            var token = await identity.TokenAsync("admin", password);
            Assert.Equal(200, (await gateway.GetAsync("/admin", token)).Status);
            Assert.Equal(200, (await resource.GetAsync("/admin", token)).Status);
            Assert.Equal(
                await own.Database.ScalarAsync<string>("SELECT id FROM ring_keys WHERE purpose = 'Signing' AND state = 'Current'"),
                new JsonWebToken(token).Kid);
        }

        // 3. A name that is registered at all replicas at once gets one owner, whose password works at every replica.
        for (var round = 0; round < 10; round++)
        {
            var name = ProductionMesh.NewName();
            var answers = await Task.WhenAll(Enumerable.Range(0, replicas * 4).Select(async i =>
                (Password: $"password number {i}", Answer: await identities[i % replicas].RegisterAsync(name, $"password number {i}"))));

            var winner = Assert.Single(answers, answer => answer.Answer.Status == 200);
            Assert.All(answers.Where(answer => answer != winner), answer => answer.Answer.AssertError(409, "username_taken"));
            foreach (var identity in identities)
            {
                Assert.Equal(200, (await identity.LoginAsync(name, winner.Password)).Status);
            }
        }

        identities.ForEach(identity => identity.Dispose());
    }
}
