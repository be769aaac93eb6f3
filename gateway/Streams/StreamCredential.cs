using AuthMesh.Gateway.Sessions;

namespace AuthMesh.Gateway.Streams;

/// <summary>The session cookie or key that a request for a stream brought, and the token that the gateway got for it.</summary>
internal sealed record StreamCredential(Credential Credential, SessionToken Token);
