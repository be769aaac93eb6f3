using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Keys;

public sealed class VerifierRegisterTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_verifier_that_connects_again_keeps_the_keys_that_it_acknowledged()
    {
        await using var source = NpgsqlDataSource.Create(mesh.Mesh.ConnectionString);
        var register = new VerifierRegister(new Primary(source), null!);
        var (instance, stop) = (Guid.NewGuid(), TestContext.Current.CancellationToken);

        using (await register.EnterAsync(instance, "a verifier", stop))
        {
            Assert.Equal("", await KeysAsync());
            await register.RecordAsync(instance, "a verifier", ["one", "two"], stop);
        }

        using (await register.EnterAsync(instance, "a verifier", stop))
        {
            Assert.Equal("one two", await KeysAsync()); // or a rotation would wait for it once more
        }

        await register.RecordAsync(instance, "a verifier", ["three"], stop);
        Assert.Equal("three", await KeysAsync());
        await mesh.Database.ExecuteAsync("DELETE FROM verifiers WHERE instance = $1", instance);

        Task<string> KeysAsync() =>
            mesh.Database.ScalarAsync<string>("SELECT array_to_string(key_ids, ' ') FROM verifiers WHERE instance = $1", instance);
    }
}
