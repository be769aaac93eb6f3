using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Gateway;

/// <summary>HTTP/1.0, which nginx uses for forwarded requests by default: a POST without a body has no Content-Length.</summary>
public sealed class OldProxyTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("POST /logout HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n")]
    [InlineData("P|OST /logout HTTP/1.0\r|\nHost: localhost\r\nAuthorization: Bearer {token}\r\n|\r\n")]
    [InlineData("POST /logout HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("POST /logout HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        + "content-LENGTH: 2\r\n\r\n|{}")]
    [InlineData("POST /logout HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n")]
    public async Task A_logout_without_a_Content_Length_ends_the_session(string request)
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address, request.Replace("{token}", user.Token, StringComparison.Ordinal).Split('|'));

        Assert.Matches("^HTTP/1.[01] 200 ", answer);
        Assert.Contains("Logged out successfully", answer, StringComparison.Ordinal);
        Assert.True(await mesh.Database.HasEndedAsync(user.SessionId));
    }

    [Theory]
    [InlineData("POST /logout HTTP/1.0\r\nHost: localhost\r\nContent-Length: x\r\n\r\n")]
    [InlineData("POST /logout HTTP/1.0\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")]
    [InlineData("POST /logout HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n")]
    [InlineData("POST /logout HTTP/1.0\r\nHost: localhost\r\nno header\r\n\r\n")]
    public async Task A_malformed_request_is_still_refused(string request)
    {
        var answer = await RawHttp.SendAsync(mesh.Gateway.Address, request);

        Assert.Matches("^HTTP/1.[01] 400 ", answer);
    }

    [Fact]
    public async Task Bytes_after_a_request_without_a_length_are_not_its_body()
    {
        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            "POST /echo/first HTTP/1.0\r\nHost: localhost\r\n\r\nGET /echo/second HTTP/1.0\r\nHost: localhost\r\n\r\n");

        Assert.Matches("^HTTP/1.[01] 200 ", answer);
        Assert.Contains("\"Path\":\"/echo/first\"", answer, StringComparison.Ordinal);
        Assert.Contains("\"Content-Length\":\"0\"", answer, StringComparison.Ordinal);
    }
}
