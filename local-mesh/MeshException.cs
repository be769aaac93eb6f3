namespace AuthMesh.LocalMesh;

/// <summary>A problem that the user must fix. The message says what is wrong and what to do, and needs no stack trace.</summary>
public sealed class MeshException(string message) : Exception(message);
