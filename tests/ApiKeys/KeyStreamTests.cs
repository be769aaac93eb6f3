using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tests.Streams;

namespace AuthMesh.Tests.ApiKeys;

/// <summary>Streams by key end with the key.</summary>
public sealed class KeyStreamTests(ProductionMesh mesh)
{
    [Fact]
    public async Task Deleting_a_key_closes_its_streams_and_no_others()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var (key, other) = (await mesh.Gateway.AddKeyAsync(user.Token, "mesh"), await mesh.Gateway.AddKeyAsync(user.Token, "mesh"));
        using var socket = await mesh.Gateway.OpenAsync(key.Key);
        using var events = await EventReader.OpenAsync(mesh.Gateway, key.Key);
        using var others = await mesh.Gateway.OpenAsync(other.Key);
        using var signedIn = await mesh.Gateway.OpenAsync(user.Token);
        Assert.Equal("hello", await socket.EchoAsync("hello"));

        Assert.Equal(200, (await mesh.Gateway.DeleteKeyAsync(user.Token, key.Id)).Status);

        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
        Assert.True(await events.UntilCutAsync());
        Assert.Equal("still here", await others.EchoAsync("still here"));
        Assert.Equal("still here", await signedIn.EchoAsync("still here"));
    }

    [Fact]
    public async Task A_limited_key_opens_no_stream_that_names_no_scope()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "account.read");

        (await mesh.Gateway.GetAsync("/events", key.Key)).AssertError(403, "insufficient_scope");
    }
}
