namespace AuthMesh.Tests;
