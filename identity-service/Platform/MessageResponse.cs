namespace AuthMesh.Identity.Platform;

/// <summary>The answer of an operation that returns no data.</summary>
public sealed record MessageResponse(string Status, string Message);
